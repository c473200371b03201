import { concatenate, encodeField, encodeString } from '../../xds/encoding.ts';
import { FieldReader } from '../../xds/field-reader.ts';
import { fields } from '../../xds/fields.ts';
import { insideField } from '../../xds/malformed.ts';
import { decodeString, editFields, expectLengthDelimited, hasValue } from '../../xds/wire.ts';
import { placeOf, type RouteConfigurationContext } from './context.ts';
import { connectFilterConfigs } from './filter-configs.ts';
import { absentClusterAction, connectAction, connectRoute } from './messages.ts';
import { connectRouteName } from './own-routes.ts';
import { editRoutes, placeConnectRoute } from './place-connect-route.ts';
import { type RewrittenRoute, rewriteRoute } from './rewrite-route.ts';
import type { SurveyedRoute } from './survey.ts';

const { VirtualHost, Route } = fields;

/** What a virtual host becomes. */
export interface RewrittenVirtualHost {
  readonly value: Uint8Array;
  /** True when its CONNECT answer needs the connection managers to let CONNECT through. */
  readonly needsConnect: boolean;
}

/** What the routes of a virtual host add up to. */
interface Tally {
  /** The routes that are answered now, as they came. */
  readonly answered: Uint8Array[];
  needsConnect: boolean;
  online: boolean;
  readonly connectors: Set<string>;
  readonly tunnelled: TunnelledRoute[];
}

/** A route, and a cluster of its own that leads into a tunnel. */
interface TunnelledRoute {
  readonly route: Uint8Array;
  readonly cluster: string;
}

function readHost(virtualHost: Uint8Array): {
  readonly name: string;
  readonly hasMatcher: boolean;
} {
  let name = '';
  let hasMatcher = false;
  const reader = new FieldReader(virtualHost);
  while (reader.next()) {
    if (reader.number === VirtualHost.name.number) {
      expectLengthDelimited(reader, VirtualHost.name);
      name = decodeString(reader.value());
    } else if (reader.number === VirtualHost.matcher.number) hasMatcher = true;
  }
  return { name, hasMatcher };
}

/** Rewrites the routes of a virtual host, and gives it the CONNECT route that fits them. */
export function rewriteVirtualHost(
  virtualHost: Uint8Array,
  surveyed: readonly SurveyedRoute[],
  context: RouteConfigurationContext,
): RewrittenVirtualHost {
  const { name, hasMatcher } = readHost(virtualHost);
  if (hasMatcher) {
    const detail = 'its routes are in a matcher tree, which Offramp does not edit';
    context.report.skipped('virtual-host-matcher', placeOf(context, name), detail);
    return { value: virtualHost, needsConnect: false };
  }
  const tally: Tally = {
    answered: [],
    needsConnect: false,
    online: false,
    connectors: new Set(),
    tunnelled: [],
  };
  let index = 0;
  let next = 0;
  const routed = editFields(virtualHost, (field) => {
    if (field.number !== VirtualHost.routes.number) return 'keep';
    const its = surveyed[next];
    if (its?.place !== index++) return 'keep';
    next++;
    const route = field.value();
    const result = insideField(`routes[${index - 1}]`, field.valueStart, () =>
      rewriteRoute(route, its, name, context),
    );
    addUp(tally, route, result);
    return result.routes?.map((one) => encodeField(VirtualHost.routes, one)) ?? 'keep';
  });
  const { needsConnect } = tally;
  if (tally.tunnelled.length > 0) {
    return { value: tunnelConnect(routed, name, tally.tunnelled, context), needsConnect };
  }
  if (tally.answered.length === 0 || tally.online) return { value: routed, needsConnect };
  return answerConnect(routed, name, tally, context);
}

function addUp(tally: Tally, route: Uint8Array, result: RewrittenRoute): void {
  tally.needsConnect ||= result.needsConnect;
  tally.online ||= result.online;
  for (const cluster of result.tunnels) tally.tunnelled.push({ route, cluster });
  if (!result.answered) return;
  tally.answered.push(route);
  for (const connector of result.connectors) tally.connectors.add(connector);
}

/**
 * CONNECT goes through the tunnel, also for clients that ask for the virtual host's own domain. It
 * reaches all that the tunnel's end serves, so it passes the filters of each route into that tunnel;
 * where these say differently who may enter, there is no CONNECT.
 */
function tunnelConnect(
  virtualHost: Uint8Array,
  name: string,
  tunnelled: readonly TunnelledRoute[],
  context: RouteConfigurationContext,
): Uint8Array {
  const ourName = context.ourNameOf(name);
  const cluster = tunnelled[0]?.cluster ?? '';
  const owner = context.tunnels.get(cluster) ?? '';
  const ownRoutes = tunnelled.filter((one) => context.tunnels.get(one.cluster) === owner);
  const domain = `${ourName}.connector.internal`;
  const filters = connectFilterConfigs(ownRoutes.map(({ route }) => route));
  if (filters.disputed !== undefined) {
    const detail = `CONNECT gets Envoy’s 404: routes into ${owner}’s tunnel differ in ${filters.disputed}`;
    context.report.skipped('connect-authentication', placeOf(context, name), detail);
    return appended(virtualHost, takeDomain(virtualHost, name, domain, context));
  }
  const routeName = connectRouteName('connect', ourName);
  const action = encodeField(Route.route, connectAction(cluster));
  const route = connectRoute(routeName, concatenate([action, ...filters.fields]));
  const edit = placeConnectRoute(virtualHost, routeName, route);
  if (edit !== undefined) {
    const place = placeOf(context, name, routeName);
    context.report.changed('connect-tunnelled', place, [owner], `CONNECT goes to ${cluster}`);
  }
  const domains = takeDomain(virtualHost, name, domain, context);
  return edit === undefined
    ? appended(virtualHost, domains)
    : editRoutes(virtualHost, edit, domains);
}

/** The domain as a field to append to the virtual host; nothing when it has it, or may not have it. */
function takeDomain(
  virtualHost: Uint8Array,
  name: string,
  domain: string,
  context: RouteConfigurationContext,
): readonly Uint8Array[] {
  const bytes = encodeString(domain);
  if (hasValue(virtualHost, VirtualHost.domains, bytes)) return [];
  if (!context.takeDomain(domain)) {
    const detail = `another virtual host has the domain ${domain} already`;
    context.report.skipped('domain-taken', placeOf(context, name), detail);
    return [];
  }
  context.report.changed('domain-added', placeOf(context, name), [], domain);
  return [encodeField(VirtualHost.domains, bytes)];
}

function appended(virtualHost: Uint8Array, fields: readonly Uint8Array[]): Uint8Array {
  return fields.length === 0 ? virtualHost : concatenate([virtualHost, ...fields]);
}

/** CONNECT gets the offline answer too, behind the same filters; it matches no other route (404). */
function answerConnect(
  virtualHost: Uint8Array,
  name: string,
  tally: Tally,
  context: RouteConfigurationContext,
): RewrittenVirtualHost {
  const { connectable, report } = context;
  const routeName = connectRouteName('offline', context.ourNameOf(name));
  const place = placeOf(context, name, routeName);
  if (!connectable && context.validatesClusters) {
    const detail =
      'CONNECT gets Envoy’s 404: listeners are not in the snapshot, and no route to an absent cluster may be added';
    report.skipped('validate-clusters', placeOf(context, name), detail);
    return { value: virtualHost, needsConnect: false };
  }
  const action = connectable
    ? context.offlineAnswer.directResponse
    : encodeField(Route.route, absentClusterAction('CONNECT'));
  const filters = connectFilterConfigs(tally.answered); // disputed or not: there is nothing behind it
  const route = connectRoute(
    routeName,
    concatenate([action, ...context.offlineAnswer.headers, ...filters.fields]),
  );
  const edit = placeConnectRoute(virtualHost, routeName, route);
  if (edit !== undefined) {
    const { status } = context.settings.offlineResponse;
    const { withoutBody } = context.offlineAnswer;
    const detail = connectable
      ? `CONNECT gets ${status} ${withoutBody === undefined ? 'with the body' : `without the body: ${withoutBody}`}`
      : 'CONNECT gets 503 without a body: no listener of the snapshot lets CONNECT reach these routes';
    report.changed('connect-answered', place, [...tally.connectors], detail);
  }
  const value = edit === undefined ? virtualHost : editRoutes(virtualHost, edit);
  return { value, needsConnect: connectable };
}
