import { encodeField, encodeTextField } from '../../xds/encoding.ts';
import { fields } from '../../xds/fields.ts';
import { seenFromOutside } from '../../xds/malformed.ts';
import type { Place } from '../report.ts';
import { placeOf, type RouteConfigurationContext } from './context.ts';
import { connectFilterConfigs } from './filter-configs.ts';
import { absentClusterAction, connectRoute } from './messages.ts';
import { ourDomain } from './our-domains.ts';
import { connectRouteName } from './own-routes.ts';
import { placeConnectRoute } from './place-connect-route.ts';
import { type RewrittenRoute, rewriteRoute } from './rewrite-route.ts';
import type { SurveyedRoute } from './surveyed-routes.ts';
import { VirtualHostEdit } from './virtual-host-edit.ts';

const { VirtualHost, Route } = fields;

/** What a virtual host becomes. */
export interface RewrittenVirtualHost {
  /** What it is made of; undefined when it stays byte for byte. */
  readonly pieces: readonly Uint8Array[] | undefined;
  /** True when its CONNECT answer needs the connection managers to let CONNECT through. */
  readonly needsConnect: boolean;
}

/** What the routes of a virtual host add up to. */
interface Tally {
  /** The places of the routes that are answered now. */
  readonly answered: number[];
  /** For which connectors they are, each once or more. */
  readonly connectors: string[];
  needsConnect: boolean;
  online: boolean;
  readonly tunnelled: TunnelledRoute[];
}

/** The place of a route, and a cluster of its own that leads into a tunnel. */
interface TunnelledRoute {
  readonly place: number;
  readonly cluster: string;
}

/** Rewrites the routes of a virtual host, and gives it the CONNECT route that fits them. */
export function rewriteVirtualHost(
  virtualHost: Uint8Array,
  surveyed: readonly SurveyedRoute[],
  context: RouteConfigurationContext,
): RewrittenVirtualHost {
  const edit = new VirtualHostEdit(virtualHost);
  if (edit.hasMatcher) {
    const detail = 'its routes are in a matcher tree, which Offramp does not edit';
    context.report.skipped('virtual-host-matcher', placeOf(context, edit.name), detail);
    return { pieces: undefined, needsConnect: false };
  }
  const tally: Tally = {
    answered: [],
    connectors: [],
    needsConnect: false,
    online: false,
    tunnelled: [],
  };
  for (const its of surveyed) addUp(tally, its.place, rewriteOne(its, edit, context));
  if (tally.tunnelled.length > 0) tunnelConnect(edit, tally.tunnelled, context);
  else if (tally.answered.length > 0 && !tally.online) {
    answerConnect(edit, tally, context);
    tally.needsConnect ||= context.connectable;
  }
  return { pieces: edit.finish(), needsConnect: tally.needsConnect };
}

function rewriteOne(
  its: SurveyedRoute,
  edit: VirtualHostEdit,
  context: RouteConfigurationContext,
): RewrittenRoute {
  try {
    const result = rewriteRoute(its, edit, context);
    if (result.routes !== undefined) edit.replaceRoute(its.place, result.routes);
    return result;
  } catch (error) {
    throw seenFromOutside(error, `routes[${its.place}]`, edit.startOfRoute(its.place));
  }
}

function addUp(tally: Tally, place: number, result: RewrittenRoute): void {
  tally.needsConnect ||= result.needsConnect;
  tally.online ||= result.online;
  for (const cluster of result.tunnels) tally.tunnelled.push({ place, cluster });
  if (!result.answered) return;
  tally.answered.push(place);
  tally.connectors.push(...result.connectors);
}

/**
 * CONNECT goes through the tunnel, also for clients that ask for the virtual host's own domain. It
 * reaches all that the tunnel's end serves, so it passes the filters of each route into that tunnel;
 * where these say differently who may enter, there is no CONNECT.
 */
function tunnelConnect(
  edit: VirtualHostEdit,
  tunnelled: readonly TunnelledRoute[],
  context: RouteConfigurationContext,
): void {
  const { name } = edit;
  const ourName = context.ourNameOf(name);
  const cluster = tunnelled[0]?.cluster ?? '';
  const owner = context.tunnels.get(cluster) ?? '';
  const ownRoutes: Uint8Array[] = [];
  for (const one of tunnelled) {
    if (context.tunnels.get(one.cluster) === owner) ownRoutes.push(edit.route(one.place));
  }
  const filters = connectFilterConfigs(ownRoutes);
  if (filters.disputed !== undefined) {
    const detail = `CONNECT gets Envoy’s 404: routes into ${owner}’s tunnel differ in ${filters.disputed}`;
    context.report.skipped('connect-authentication', placeOf(context, name), detail);
    takeDomain(edit, ourName, context);
    return;
  }
  const routeName = connectRouteName('connect', ourName);
  const field = connectRoute(routeName, { cluster }, filters.fields);
  const inserted = placeConnectRoute(edit, routeName, field);
  if (inserted !== undefined) reportTunnel(placeOf(context, name, routeName), cluster, context);
  takeDomain(edit, ourName, context);
  if (inserted !== undefined) edit.insertRoute(inserted);
}

/** Reports that a CONNECT route at a place leads into the tunnel that a cluster leads into. */
export function reportTunnel(
  place: Place,
  cluster: string,
  { tunnels, report }: RouteConfigurationContext,
): void {
  const owner = tunnels.get(cluster) ?? '';
  report.changed('connect-tunnelled', place, [owner], `CONNECT goes to ${cluster}`);
}

/** Gives the virtual host its domain of ours, unless it has it, or may not have it. */
function takeDomain(
  edit: VirtualHostEdit,
  ourName: string,
  context: RouteConfigurationContext,
): void {
  const domain = ourDomain(ourName);
  if (edit.hasDomain(domain) || !mayTakeDomain(edit.name, ourName, context)) return;
  edit.append([encodeTextField(VirtualHost.domains, domain)]);
}

/** Takes its domain of ours for a virtual host that does not have it; false when another one has. Reports either. */
export function mayTakeDomain(
  virtualHost: string,
  ourName: string,
  context: RouteConfigurationContext,
): boolean {
  const place = placeOf(context, virtualHost);
  const domain = ourDomain(ourName);
  if (!context.ourDomains.take(ourName)) {
    const detail = `another virtual host has the domain ${domain} already`;
    context.report.skipped('domain-taken', place, detail);
    return false;
  }
  context.report.changed('domain-added', place, [], domain);
  return true;
}

/** CONNECT gets the offline answer too, behind the same filters; it matches no other route (404). */
function answerConnect(
  edit: VirtualHostEdit,
  { answered, connectors }: Tally,
  context: RouteConfigurationContext,
): void {
  const { connectable, report } = context;
  const { name } = edit;
  const routeName = connectRouteName('offline', context.ourNameOf(name));
  if (!connectable && context.validatesClusters) {
    const detail =
      'CONNECT gets Envoy’s 404: listeners are not in the snapshot, and no route to an absent cluster may be added';
    report.skipped('validate-clusters', placeOf(context, name), detail);
    return;
  }
  const action = connectable
    ? context.offlineAnswer.directResponse
    : encodeField(Route.route, absentClusterAction('CONNECT'));
  const routes = answered.map((place) => edit.route(place));
  const filters = connectFilterConfigs(routes); // disputed or not: there is nothing behind it
  const { headers } = context.offlineAnswer;
  const field = connectRoute(routeName, { fields: [action, ...headers] }, filters.fields);
  const inserted = placeConnectRoute(edit, routeName, field);
  if (inserted === undefined) return;
  edit.insertRoute(inserted);
  reportConnectAnswer(placeOf(context, name, routeName), connectors, context);
}

/** Reports that a CONNECT route at a place gives the answer of these connectors, each named once or more. */
export function reportConnectAnswer(
  place: Place,
  connectors: readonly string[],
  { connectable, settings, offlineAnswer, report }: RouteConfigurationContext,
): void {
  const { status } = settings.offlineResponse;
  const { withoutBody } = offlineAnswer;
  const detail = connectable
    ? `CONNECT gets ${status} ${withoutBody === undefined ? 'with the body' : `without the body: ${withoutBody}`}`
    : 'CONNECT gets 503 without a body: no listener of the snapshot lets CONNECT reach these routes';
  report.changed('connect-answered', place, [...new Set(connectors)], detail);
}
