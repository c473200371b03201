import { fields } from '../xds/fields.ts';
import { readGatewayObject } from '../xds/gateway-metadata.ts';
import { lastValueOf } from '../xds/wire.ts';
import { decideFallback } from './decide-fallback.ts';
import { decideByPolicies } from './nearest-policy.ts';
import { readPolicies } from './offramp-policy.ts';
import { stampRoute } from './route-stamp.ts';

const { PostRouteModifyRequest, Route } = fields;

/**
 * The Route of a PostRouteModifyRequest, stamped with what the policies that target it decide, so
 * that PostTranslateModify finds it there. Throws MalformedMessageError.
 */
export function stampPolicies(request: Uint8Array): Uint8Array | undefined {
  const route = lastValueOf(request, PostRouteModifyRequest.route);
  const context = lastValueOf(request, PostRouteModifyRequest.post_route_context);
  if (route === undefined || context === undefined) return route;
  const policies = readPolicies(context, 'targetsRoute');
  const object = readGatewayObject(route, Route.metadata);
  if (policies.length === 0 || object === undefined) return route;
  const { kind, namespace, name, sectionName: section } = object;
  const subject = { kind, namespace, name, section };
  const decided = decideByPolicies(policies, subject);
  const fallback = decideFallback(policies, subject);
  const problems = policies.flatMap((policy) =>
    policy.problems.map((problem) => `${policy.namespace}/${policy.name}: ${problem}`),
  );
  const isSilent = decided === undefined && fallback === undefined && problems.length === 0;
  return isSilent ? route : stampRoute(route, { ...decided, problems, fallback });
}
