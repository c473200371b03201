import { fields } from './fields.ts';
import { type GatewayObject, readGatewayObject } from './gateway-metadata.ts';
import { parseRouteName, type RuleName } from './names.ts';

/** Who a route is: the object from its metadata, the rule's index from its name. `kind` in any case. */
export interface RouteIdentity {
  readonly object: Pick<GatewayObject, 'kind' | 'namespace' | 'name'>;
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
  object: GatewayObject | undefined,
  routeName: string,
): RouteIdentity | undefined {
  const parsedName = parseRouteName(routeName);
  const named = object ?? parsedName;
  if (named === undefined) return undefined;
  const { namespace, name } = named;
  // A standalone Envoy Gateway before 1.9 leaves the kind empty in all metadata of routes.
  const kind = named.kind === '' ? (parsedName?.kind ?? '') : named.kind;
  return { object: { kind, namespace, name }, rule: parsedName?.rule };
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
