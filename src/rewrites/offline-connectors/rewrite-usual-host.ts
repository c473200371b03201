import type { FieldReader } from '../../xds/field-reader.ts';
import { asciiOf } from '../../xds/text.ts';
import { AnsweredRoute } from './answered-route.ts';
import { placeOf, type RouteConfigurationContext } from './context.ts';
import { AnsweredHost, type HostEdit, TunnelledHost, type UsualSpan } from './host-edit.ts';
import { absentCluster } from './messages.ts';
import { connectRouteName } from './own-routes.ts';
import { reportAnswer } from './rewrite-route.ts';
import { mayTakeDomain, reportConnectAnswer, reportTunnel } from './rewrite-virtual-host.ts';
import type { SurveyedRoute } from './surveyed-routes.ts';
import { UsualHost } from './usual-host.ts';

/** Reads one virtual host after the other; keeps no request. */
const host = new UsualHost();

/**
 * Decides what `rewriteVirtualHost` would make of the virtual host at which a reader of a route configuration
 * stands, and reports it, if it is of the usual form: what the state speaks of are routes to one cluster each,
 * all of them answered now, or all of them led into tunnels. Undefined says that it is not of that form, and
 * that nothing was reported. Throws MalformedMessageError.
 */
export function rewriteUsualHost(
  { message, valueStart, end }: FieldReader,
  surveyed: readonly SurveyedRoute[],
  hosts: Hosts,
): HostEdit | undefined {
  const { context } = hosts;
  const fate = fateOf(surveyed, context);
  if (fate === undefined || !host.read(message, valueStart, end)) return undefined;
  const name = asciiOf(message, host.nameFrom, host.nameTo);
  if (name === undefined) return undefined;
  const routes = fate === 'answered' ? answeredRoutes(message, surveyed) : none;
  if (routes === undefined) return undefined;
  const ourName = context.ourNameOf(name);
  const span = { message, from: valueStart, firstRoute: host.routeStart(0), to: end, ourName };
  if (fate === 'tunnelled') return tunnel(span, name, surveyed, context);
  reportAnswers(routes, name, ourName, context);
  hosts.needsConnect = true;
  return new AnsweredHost(span, routes, context.offlineAnswer);
}

/** Those of a route configuration. */
interface Hosts {
  readonly context: RouteConfigurationContext;
  /** Whether one’s CONNECT answer needs the connection managers to let CONNECT through. */
  needsConnect: boolean;
}

type Fate = 'answered' | 'tunnelled';

/** What becomes of all these routes; undefined when it is not the same, or is not usual. */
function fateOf(
  surveyed: readonly SurveyedRoute[],
  context: RouteConfigurationContext,
): Fate | undefined {
  let fate: Fate | undefined;
  for (let index = 0; index < surveyed.length; index++) {
    const its = surveyed[index];
    const one = its && fateOfRoute(its, context);
    if (one === undefined || (fate !== undefined && one !== fate)) return undefined;
    fate = one;
  }
  return fate;
}

function fateOfRoute(
  { view, action: { destination, mirrors }, forwards }: SurveyedRoute,
  { tunnels, connectable, validatesClusters }: RouteConfigurationContext,
): Fate | undefined {
  const forward = forwards[0];
  if (view.ambiguous || view.matchesConnect || mirrors.length > 0) return undefined;
  if (destination.kind !== 'cluster' || destination.cluster === absentCluster) return undefined;
  switch (forward?.verdict.kind) {
    case 'offline':
      return connectable && !validatesClusters ? 'answered' : undefined;
    case 'online':
      return tunnels.has(forward.cluster) ? 'tunnelled' : undefined;
    default:
      return undefined;
  }
}

function tunnel(
  span: UsualSpan,
  name: string,
  surveyed: readonly SurveyedRoute[],
  context: RouteConfigurationContext,
): HostEdit {
  const cluster = surveyed[0]?.forwards[0]?.cluster ?? '';
  const { ourName } = span;
  reportTunnel(placeOf(context, name, connectRouteName('connect', ourName)), cluster, context);
  const isAdded =
    !host.hasOurDomain(span.message, ourName) && mayTakeDomain(name, ourName, context);
  return new TunnelledHost(span, cluster, isAdded);
}

const none: readonly AnsweredRoute[] = [];

/** The routes to be answered; undefined where one is not usual. */
function answeredRoutes(
  message: Uint8Array,
  surveyed: readonly SurveyedRoute[],
): readonly AnsweredRoute[] | undefined {
  const routes: AnsweredRoute[] = [];
  for (const its of surveyed) {
    const route = new AnsweredRoute(its, host);
    if (!route.read(message)) return undefined;
    routes.push(route);
  }
  return routes;
}

const noNames: readonly string[] = [];

function reportAnswers(
  routes: readonly AnsweredRoute[],
  name: string,
  ourName: string,
  context: RouteConfigurationContext,
): void {
  const all: string[] = [];
  const host = { name };
  for (const { its, upgrades } of routes) {
    const verdict = its.forwards[0]?.verdict;
    const connectors = verdict?.kind === 'offline' ? distinct(verdict.connectors) : noNames;
    const given = { refusedUpgrades: upgrades, unansweredUpgrades: noNames, hasBody: true };
    reportAnswer({ its, host, context }, connectors, given);
    // Mostly the same one again; whatever else is in it twice, the report has once.
    for (const connector of connectors) if (connector !== all[all.length - 1]) all.push(connector);
  }
  const routeName = connectRouteName('offline', ourName);
  reportConnectAnswer(placeOf(context, name, routeName), all, context);
}

function distinct(names: readonly string[]): readonly string[] {
  return names.length < 2 ? names : [...new Set(names)];
}
