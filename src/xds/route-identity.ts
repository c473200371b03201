import { fields } from './fields.ts';
import { type ObjectNames, readGatewayObject } from './gateway-metadata.ts';
import { parseRouteName, parseRuleOfRoute, type RuleName } from './names.ts';

/** Who a route is: the object from its metadata, the rule's index from its name. `kind` in any case. */
export interface RouteIdentity {
  readonly object: ObjectNames;
  readonly rule: number | undefined;
}

/**
 * Who a Route is, from its metadata and name; undefined when neither says. Throws
 * MalformedMessageError.
 */
export function identifyRoute(route: Uint8Array, routeName: string): RouteIdentity | undefined {
  return identityOf(readGatewayObject(route, fields.Route.metadata), routeName);
}

/** The same of a route whose metadata was read. */
export function identityOf(
  object: ObjectNames | undefined,
  routeName: string,
): RouteIdentity | undefined {
  if (object !== undefined && object.kind !== '') {
    return { object, rule: parseRuleOfRoute(routeName) };
  }
  const parsedName = parseRouteName(routeName);
  const named = object ?? parsedName;
  if (named === undefined) return undefined;
  // A standalone Envoy Gateway before 1.9 leaves the kind empty in all metadata of routes.
  const { namespace, name } = named;
  return { object: { kind: parsedName?.kind ?? '', namespace, name }, rule: parsedName?.rule };
}

/** Whether a cluster or route with this name is one of the route's own. */
export function belongsTo(named: RuleName, { object, rule }: RouteIdentity): boolean {
  return (
    named.kind === object.kind.toLowerCase() &&
    named.namespace === object.namespace &&
    named.name === object.name &&
    named.rule === rule
  );
}
