import { BackwardWriter } from '../../xds/backward-writer.ts';
import type { FieldReader } from '../../xds/field-reader.ts';
import { fields } from '../../xds/fields.ts';
import { asciiOf } from '../../xds/text.ts';
import { distinctUpgrades } from './answer-route.ts';
import { placeOf, type RouteConfigurationContext } from './context.ts';
import {
  absentCluster,
  absentClusterAction,
  upgradeHeaderMatcher,
  writeConnectRoute,
  writeTunnelRoute,
} from './messages.ts';
import { ourDomain } from './our-domains.ts';
import { connectRouteName, upgradeRouteName } from './own-routes.ts';
import { reportAnswer } from './rewrite-route.ts';
import { mayTakeDomain, reportConnectAnswer, reportTunnel } from './rewrite-virtual-host.ts';
import type { SurveyedRoute } from './survey.ts';
import { AnsweredRoute, UsualHost } from './usual-host.ts';

const { RouteConfiguration, VirtualHost, Route, RouteMatch } = fields;

/** Bytes; most virtual hosts are smaller. */
const usualSize = 32 * 1024;

// Used for one virtual host after the other; none of them keeps a request.
const writer = new BackwardWriter(usualSize);
const host = new UsualHost();
const answered: AnsweredRoute[] = [];

/** A virtual host to be rewritten, which is ASCII in what is read of it. */
interface Subject {
  readonly message: Uint8Array;
  readonly from: number;
  readonly to: number;
  readonly name: string;
  /** One or more. */
  readonly surveyed: readonly SurveyedRoute[];
  readonly context: RouteConfigurationContext;
}

/**
 * Rewrites the virtual host at which a reader of a route configuration stands as `rewriteVirtualHost` does,
 * if it is of the usual form: what the state speaks of are routes to one cluster each, all of them answered
 * now, or all of them led into tunnels. The whole field is what the writer has that is answered. Undefined
 * says that it is not of that form, and that nothing was reported. Throws MalformedMessageError.
 */
export function rewriteUsualHost(
  { message, valueStart, end }: FieldReader,
  surveyed: readonly SurveyedRoute[],
  hosts: Hosts,
): BackwardWriter | undefined {
  const { context } = hosts;
  const fate = fateOf(surveyed, context);
  if (fate === undefined || !host.read(message, valueStart, end)) return undefined;
  const name = asciiOf(message, host.nameFrom, host.nameTo);
  if (name === undefined) return undefined;
  const subject = { message, from: valueStart, to: end, name, surveyed, context };
  if (fate === 'tunnelled') tunnel(subject);
  else if (areReadable(subject)) {
    answer(subject);
    hosts.needsConnect = true;
  } else return undefined;
  writer.wrap(RouteConfiguration.virtual_hosts, 0);
  return writer;
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
  for (const its of surveyed) {
    const one = fateOfRoute(its, context);
    if (one === undefined || (fate !== undefined && one !== fate)) return undefined;
    fate = one;
  }
  return fate;
}

function fateOfRoute(
  { view, action: { destination, mirrors }, forwards }: SurveyedRoute,
  { tunnels, connectable, validatesClusters }: RouteConfigurationContext,
): Fate | undefined {
  const [forward] = forwards;
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

function tunnel({ message, from, to, name, surveyed, context }: Subject): void {
  const cluster = surveyed[0]?.forwards[0]?.cluster ?? '';
  const ourName = context.ourNameOf(name);
  const routeName = connectRouteName('connect', ourName);
  const domain = ourDomain(ourName);
  reportTunnel(placeOf(context, name, routeName), cluster, context);
  const isAdded = !host.hasDomain(message, domain) && mayTakeDomain(name, domain, context);
  writer.begin();
  if (isAdded) writer.text(VirtualHost.domains, domain);
  const firstRoute = host.routeStart(0);
  writer.part(message, firstRoute, to);
  writeTunnelRoute(routeName, cluster, writer);
  writer.part(message, from, firstRoute);
}

/** Reads the routes to be answered; false where one is not usual. */
function areReadable({ message, surveyed }: Subject): boolean {
  let count = 0;
  for (const { place } of surveyed) {
    answered[count] ??= new AnsweredRoute();
    const from = host.routeFrom(place);
    if (!answered[count++]?.read(message, from, host.routeTo(place))) return false;
  }
  return true;
}

function answer(subject: Subject): void {
  const { message, from, to, name, surveyed, context } = subject;
  const routeName = connectRouteName('offline', context.ourNameOf(name));
  reportAnswers(subject, routeName);
  writer.begin();
  let behind = to;
  for (let index = surveyed.length - 1; index >= 0; index--) {
    const its = surveyed[index];
    const route = answered[index];
    if (its === undefined || route === undefined) continue;
    writer.part(message, route.to, behind);
    writeAnswered(message, route, context);
    const upgrades = distinctUpgrades(its.action);
    for (let at = upgrades.length - 1; at >= 0; at--) {
      writeRefusal({ message, route, upgrade: upgrades[at] ?? '', its, context });
    }
    behind = host.routeStart(its.place);
  }
  const firstRoute = host.routeStart(0);
  const { directResponse, headers } = context.offlineAnswer;
  writer.part(message, firstRoute, behind);
  writeConnectRoute(routeName, [directResponse, ...headers], writer);
  writer.part(message, from, firstRoute);
}

const none: readonly string[] = [];

function reportAnswers({ name, surveyed, context }: Subject, routeName: string): void {
  const all: string[] = [];
  for (const its of surveyed) {
    const verdict = its.forwards[0]?.verdict;
    const connectors = verdict?.kind === 'offline' ? [...new Set(verdict.connectors)] : none;
    const refusedUpgrades = distinctUpgrades(its.action);
    const given = { refusedUpgrades, unansweredUpgrades: none, hasBody: true };
    reportAnswer({ its, host: { name }, context }, connectors, given);
    all.push(...connectors);
  }
  reportConnectAnswer(placeOf(context, name, routeName), all, context);
}

/** Writes a route, with the answer as its action. */
function writeAnswered(
  message: Uint8Array,
  { from, to, actionStart, actionEnd }: AnsweredRoute,
  { offlineAnswer: { directResponse, headers } }: RouteConfigurationContext,
): void {
  const behind = writer.length;
  writer.all(headers);
  writer.part(message, actionEnd, to);
  writer.bytes(directResponse);
  writer.part(message, from, actionStart);
  writer.wrap(VirtualHost.routes, behind);
}

/** A route, and an upgrade that a clone of it refuses. */
interface Refusal {
  readonly message: Uint8Array;
  readonly route: AnsweredRoute;
  readonly upgrade: string;
  readonly its: SurveyedRoute;
  readonly context: RouteConfigurationContext;
}

function writeRefusal(refusal: Refusal): void {
  const { message, route, upgrade, its, context } = refusal;
  const { from, to, nameStart, nameEnd, matchStart, matchEnd, actionStart, actionEnd } = route;
  const behind = writer.length;
  writer.all(context.offlineAnswer.headers);
  writer.text(Route.name, upgradeRouteName(its.view.name, upgrade));
  let done = to;
  // Backwards through its three fields, in whatever order they are.
  while (done > from) {
    const next = lastBefore(done, route);
    if (next === nameStart) writer.part(message, nameEnd, done);
    else if (next === matchStart) {
      writer.part(message, matchEnd, done);
      writeMatch(refusal);
    } else if (next === actionStart) {
      writer.part(message, actionEnd, done);
      writeRefusingAction(upgrade);
    } else writer.part(message, from, done);
    done = next;
  }
  writer.wrap(VirtualHost.routes, behind);
}

/** Where the last of the fields begins that are not copied, in front of an offset; else where the route does. */
function lastBefore(
  end: number,
  { from, nameStart, matchStart, actionStart }: AnsweredRoute,
): number {
  let last = -1;
  if (nameStart < end) last = nameStart;
  if (matchStart < end && matchStart > last) last = matchStart;
  if (actionStart < end && actionStart > last) last = actionStart;
  return last === -1 ? from : last;
}

function writeMatch({ message, route, upgrade }: Refusal): void {
  const behind = writer.length;
  writer.bytes(upgradeHeaderMatcher(upgrade));
  writer.wrap(RouteMatch.headers, behind);
  writer.part(message, route.matchFrom, route.matchEnd);
  writer.wrap(Route.match, behind);
}

function writeRefusingAction(upgrade: string): void {
  const behind = writer.length;
  writer.bytes(absentClusterAction(upgrade));
  writer.wrap(Route.route, behind);
}
