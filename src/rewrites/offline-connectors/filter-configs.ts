import { encodeField } from '../../xds/encoding.ts';
import { fields } from '../../xds/fields.ts';
import { collectFields, hasField, lastValueOf, stringOf, varintOf } from '../../xds/wire.ts';

const { Route, MapEntry, Any, FilterConfig, ExtAuthzPerRoute, JwtPerRouteConfig, RbacPerRoute } =
  fields;

/** What a CONNECT route takes over from the routes that it stands for. */
export interface ConnectFilters {
  /** Whole `Route.typed_per_filter_config` fields: of each filter the first route's entry. */
  readonly fields: readonly Uint8Array[];
  /** A filter that lets different clients in on different routes: no one entry is as strict as all. */
  readonly disputed: string | undefined;
}

const noFilters: ConnectFilters = { fields: [], disputed: undefined };

/** The buffer filter waits for the end of a request; a CONNECT has none before its tunnel closes. */
const bufferConfig = /\/envoy\.extensions\.filters\.http\.buffer\.v3\.BufferPerRoute$/;

/** Filters by which all SecurityPolicies of a listener say who may enter; ext_authz has one for each. */
const guardConfig =
  /\/envoy\.extensions\.filters\.http\.(?:jwt_authn|rbac|basic_auth|api_key_auth|oauth2)\.v3\./;

/**
 * The HTTP filters of a CONNECT route that reaches what these routes reach. Envoy Gateway switches
 * authentication and authorisation on by such entries, so a route without them lets everybody in. An
 * entry that switches a filter off counts only when all routes have one.
 */
export function connectFilterConfigs(routes: readonly Uint8Array[]): ConnectFilters {
  if (!routes.some(hasFilterConfigs)) return noFilters;
  const ofRoutes = routes.map(filterConfigsOf);
  const merged = new Map<string, Uint8Array>();
  let disputed: string | undefined;
  for (const filter of new Set(ofRoutes.flatMap((entries) => [...entries.keys()]))) {
    const given = ofRoutes.flatMap((entries) => entries.get(filter) ?? []);
    const enabling = given.filter((entry) => !switchesOff(entry));
    const [entry] = given.length === routes.length ? [...enabling, ...given] : enabling;
    if (entry === undefined || bufferConfig.test(typeOf(entry))) continue;
    merged.set(filter, entry);
    if (
      guardConfig.test(typeOf(entry)) &&
      enabling.some((one) => Buffer.compare(one, entry) !== 0)
    ) {
      disputed ??= filter;
    }
  }
  const whole = [...merged.values()].map((one) => encodeField(Route.typed_per_filter_config, one));
  return { fields: whole, disputed };
}

function hasFilterConfigs(route: Uint8Array): boolean {
  return hasField(route, Route.typed_per_filter_config);
}

/** The entries by filter; of two for the same filter the last one, which is what decoders keep. */
function filterConfigsOf(route: Uint8Array): Map<string, Uint8Array> {
  const entries = collectFields(
    route,
    Route.typed_per_filter_config,
    (entry) => [stringOf(entry, MapEntry.key), entry] as const,
  );
  return new Map(entries);
}

function typeOf(entry: Uint8Array): string {
  return stringOf(lastValueOf(entry, MapEntry.value) ?? new Uint8Array(), Any.type_url);
}

/** Whether an entry takes its filter away from a route that has the filter without it. */
function switchesOff(entry: Uint8Array): boolean {
  const any = lastValueOf(entry, MapEntry.value) ?? new Uint8Array();
  const config = lastValueOf(any, Any.value) ?? new Uint8Array();
  const type = typeOf(entry);
  if (type.endsWith('/envoy.config.route.v3.FilterConfig')) {
    return varintOf(config, FilterConfig.disabled) !== 0;
  }
  if (type.endsWith('.ext_authz.v3.ExtAuthzPerRoute')) {
    return varintOf(config, ExtAuthzPerRoute.disabled) !== 0;
  }
  if (type.endsWith('.jwt_authn.v3.PerRouteConfig')) {
    return varintOf(config, JwtPerRouteConfig.disabled) !== 0;
  }
  return type.endsWith('.rbac.v3.RBACPerRoute') && !hasField(config, RbacPerRoute.rbac);
}
