import { fields } from '../../xds/fields.ts';
import type { Destination, ForwardingAction } from '../../xds/route.ts';
import { mapFields, stringOf } from '../../xds/wire.ts';
import type { Place, SkipReason } from '../report.ts';
import { answerRoute } from './answer-route.ts';
import { placeOf, type RouteConfigurationContext } from './context.ts';
import { isUpgradeRefusal, upgradeRouteName } from './own-routes.ts';
import type { Forward, SurveyedRoute } from './survey.ts';

const { Route, RouteAction, WeightedCluster, ClusterWeight, RequestMirrorPolicy } = fields;

/** What a route becomes, and what the virtual host has to know of it. */
export interface RewrittenRoute {
  /** The routes in its place; undefined when it stays byte for byte. */
  readonly routes?: readonly Uint8Array[];
  /** Whether its own requests are answered now because its connectors are offline. */
  readonly answered: boolean;
  /** Offline connectors that it was rewritten for. */
  readonly connectors: readonly string[];
  /** Whether its answer needs the connection managers to let CONNECT through. */
  readonly needsConnect: boolean;
  /** Whether one of the connectors it forwards to is online. */
  readonly online: boolean;
  /** Of their clusters those that lead into a tunnel, in order. */
  readonly tunnels: readonly string[];
}

const notForwarding: RewrittenRoute = {
  answered: false,
  connectors: [],
  needsConnect: false,
  online: false,
  tunnels: [],
};

/** One route: what the functions below look at together. */
interface Subject extends SurveyedRoute {
  readonly route: Uint8Array;
  readonly virtualHost: string;
  readonly context: RouteConfigurationContext;
}

/** Rewrites one Route by what the state says of the clusters it forwards to. */
export function rewriteRoute(
  route: Uint8Array,
  surveyed: SurveyedRoute,
  virtualHost: string,
  context: RouteConfigurationContext,
): RewrittenRoute {
  const { view, action, forwards } = surveyed;
  if (isUpgradeRefusal(action)) return notForwarding;
  const subject: Subject = { ...surveyed, route, virtualHost, context };
  const lostMirrors = findLostMirrors(subject);
  reportMerged(subject, forwards);
  const offline = forwards.filter(({ verdict }) => verdict.kind === 'offline');
  const online = forwards.filter(({ verdict }) => verdict.kind === 'online');
  const tunnels = online.map(({ cluster }) => cluster).filter((one) => context.tunnels.has(one));
  const untouched = { ...notForwarding, online: online.length > 0, tunnels };
  const hasWork = offline.length > 0 || lostMirrors.size > 0;
  const isThinned = offline.length > 0 && !isAnswered(forwards);
  const obstacle =
    findObstacle(subject, hasWork || online.length > 0) ??
    (isThinned ? findSplitObstacle(action.destination) : undefined);
  if (obstacle !== undefined) {
    context.report.skipped(obstacle.reason, placeOfSubject(subject), obstacle.detail);
    return untouched;
  }
  if (!hasWork) return untouched;
  const { routes, answered } = isAnswered(forwards)
    ? { routes: answer(subject, namesOf(offline)), answered: true }
    : { routes: [thinOut(subject, offline, lostMirrors)], answered: false };
  const needsConnect = answered && view.matchesConnect && context.connectable;
  return { ...untouched, routes, answered, needsConnect, connectors: namesOf(offline) };
}

/** The clusters that only get copies of requests, by exact name: mirrors are no backendRefs. */
function findLostMirrors({ action, context }: Subject): ReadonlyMap<string, string> {
  const lost = new Map<string, string>();
  for (const cluster of action.mirrors) {
    const connector = context.view.forCluster(cluster);
    if (connector !== undefined && !connector.online) lost.set(cluster, connector.name);
  }
  return lost;
}

function reportMerged(subject: Subject, forwards: readonly Forward[]): void {
  for (const { cluster, verdict } of forwards) {
    if (verdict.kind !== 'merged') continue;
    const detail = `cluster ${cluster} is left alone: ${verdict.detail}`;
    subject.context.report.skipped('merged-cluster', placeOfSubject(subject), detail);
  }
}

interface Obstacle {
  readonly reason: SkipReason;
  readonly detail: string;
}

/** Why a route of which the state speaks has to stay as it is; undefined when nothing is in the way. */
function findObstacle(subject: Subject, concerned: boolean): Obstacle | undefined {
  const { view, action, identity, context } = subject;
  const { destination } = action;
  const isSpokenOf = () => identity !== undefined && context.view.claimsRoute(identity.object);
  if (!concerned && !isSpokenOf()) return undefined;
  if (view.ambiguous || destination.kind === 'ambiguous') {
    const detail = 'a field that decoders merge occurs twice in the route or its action';
    return { reason: 'ambiguous-encoding', detail };
  }
  if (destination.kind === 'inline-plugin') {
    const detail = 'an inline cluster specifier plugin chooses the cluster';
    return { reason: 'inline-cluster-specifier', detail };
  }
  if (!concerned && identity?.rule === undefined) {
    const detail = 'which rule of its route it is cannot be told from its name';
    return { reason: 'unparsable-route-name', detail };
  }
  const { entries } = 'entries' in destination ? destination : { entries: [] };
  if (entries.some(({ cluster }) => cluster === '')) {
    const detail = 'a request header chooses the cluster of an entry of the split';
    return { reason: 'cluster-header', detail };
  }
  return undefined;
}

/** Why entries cannot leave a split of which something stays. */
function findSplitObstacle(destination: Destination): Obstacle | undefined {
  if (destination.kind !== 'weighted' || !destination.fixed) return undefined;
  return { reason: 'total-weight', detail: 'the split fixes its total_weight' };
}

/** True when nothing is left of the route that could take a request. */
function isAnswered(forwards: readonly Forward[]): boolean {
  const isOffline = ({ verdict }: Forward) => verdict.kind === 'offline';
  if (!forwards.some(isOffline)) return false;
  const left = forwards.filter((forward) => !isOffline(forward));
  return left.every(({ weight }) => weight === 0);
}

function answer(subject: Subject, connectors: readonly string[]): readonly Uint8Array[] {
  const { context } = subject;
  const { report } = context;
  const place = placeOfSubject(subject);
  const given = answerRoute(subject.route, subject.view, subject.action, context);
  const what = given.hasBody ? describeAnswer(context) : '503 without a body';
  report.changed(
    'route-answered',
    place,
    connectors,
    `was ${describe(subject.action)}, is ${what}`,
  );
  for (const upgrade of given.refusedUpgrades) {
    const clone = { ...place, route: upgradeRouteName(subject.view.name, upgrade) };
    report.changed('upgrade-refused', clone, connectors, `${upgrade} handshakes get 503`);
  }
  for (const upgrade of given.unansweredUpgrades) {
    const detail = `${upgrade} handshakes get Envoy’s 403: no route to an absent cluster may be added`;
    report.skipped('validate-clusters', place, detail);
  }
  return given.routes;
}

function describeAnswer({ settings, offlineAnswer }: RouteConfigurationContext): string {
  const { withoutBody } = offlineAnswer;
  const answer = `${settings.offlineResponse.status} at once`;
  return withoutBody === undefined ? answer : `${answer}, without its body: ${withoutBody}`;
}

/** Takes offline entries out of the split, and mirrors to offline connectors away. */
function thinOut(
  subject: Subject,
  offline: readonly Forward[],
  lostMirrors: ReadonlyMap<string, string>,
): Uint8Array {
  const { route, context } = subject;
  const place = placeOfSubject(subject);
  const gone = new Set(offline.map(({ cluster }) => cluster));
  if (offline.length > 0) {
    const detail = `left the split: ${[...gone].join(', ')}`;
    context.report.changed('entries-dropped', place, namesOf(offline), detail);
  }
  for (const [mirror, connector] of lostMirrors) {
    context.report.changed('mirror-dropped', place, [connector], `no copies to ${mirror}`);
  }
  const dropEntry = (entry: Uint8Array) =>
    gone.has(stringOf(entry, ClusterWeight.name)) ? undefined : entry;
  const dropMirror = (mirror: Uint8Array) =>
    lostMirrors.has(stringOf(mirror, RequestMirrorPolicy.cluster)) ? undefined : mirror;
  return mapFields(route, Route.route, (action) =>
    mapFields(
      mapFields(action, RouteAction.weighted_clusters, (split) =>
        mapFields(split, WeightedCluster.clusters, dropEntry),
      ),
      RouteAction.request_mirror_policies,
      dropMirror,
    ),
  );
}

function namesOf(offline: readonly Forward[]): string[] {
  const names = offline.flatMap(({ verdict }) =>
    verdict.kind === 'offline' ? verdict.connectors : [],
  );
  return [...new Set(names)];
}

function placeOfSubject({ context, virtualHost, view }: Subject): Place {
  return placeOf(context, virtualHost, view.name);
}

function describe({ destination }: ForwardingAction): string {
  if (destination.kind === 'cluster') return `cluster ${destination.cluster}`;
  if (destination.kind !== 'weighted') return destination.kind;
  return `a split over ${destination.entries.map(({ cluster }) => cluster).join(', ')}`;
}
