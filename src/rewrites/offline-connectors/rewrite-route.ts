import { fields } from '../../xds/fields.ts';
import type { Destination, ForwardingAction } from '../../xds/route.ts';
import { mapFields, stringOf } from '../../xds/wire.ts';
import type { Place, SkipReason } from '../report.ts';
import { type AnswerGiven, answerRoute } from './answer-route.ts';
import { placeOf, type RouteConfigurationContext } from './context.ts';
import { isUpgradeRefusal, upgradeRouteName } from './own-routes.ts';
import type { Forward, SurveyedRoute } from './surveyed-routes.ts';
import type { Verdict } from './verdict.ts';
import type { VirtualHostEdit } from './virtual-host-edit.ts';

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

/** Of the routes that have nothing to do with a tunnel. */
const noTunnels: readonly string[] = [];

/** One route, and where it is. */
interface RouteOfHost {
  readonly its: SurveyedRoute;
  readonly host: { readonly name: string };
  readonly context: RouteConfigurationContext;
}

/** What the functions below look at together. */
interface Subject extends RouteOfHost {
  readonly host: VirtualHostEdit;
}

/** Rewrites one Route by what the state says of the clusters it forwards to. */
export function rewriteRoute(
  its: SurveyedRoute,
  host: VirtualHostEdit,
  context: RouteConfigurationContext,
): RewrittenRoute {
  const { view, action, forwards } = its;
  if (isUpgradeRefusal(action)) return notForwarding;
  const subject: Subject = { its, host, context };
  const lostMirrors = findLostMirrors(subject);
  reportMerged(subject);
  const isOffline = has(forwards, 'offline');
  const isOnline = has(forwards, 'online');
  const isAnsweredNow = isOffline && isAnswered(forwards);
  const hasWork = isOffline || lostMirrors !== undefined;
  const obstacle =
    findObstacle(subject, hasWork || isOnline) ??
    (isOffline && !isAnsweredNow ? findSplitObstacle(action.destination) : undefined);
  if (obstacle !== undefined) {
    context.report.skipped(obstacle.reason, placeOfSubject(subject), obstacle.detail);
  }
  const tunnels = isOnline ? tunnelsOf(subject) : noTunnels;
  if (obstacle !== undefined || !hasWork) return untouched(isOnline, tunnels);
  const connectors = namesOf(forwards);
  const routes = isAnsweredNow
    ? answer(subject, connectors)
    : [thinOut(subject, connectors, lostMirrors)];
  return {
    routes,
    answered: isAnsweredNow,
    connectors,
    needsConnect: isAnsweredNow && view.matchesConnect && context.connectable,
    online: isOnline,
    tunnels,
  };
}

function untouched(online: boolean, tunnels: readonly string[]): RewrittenRoute {
  return online ? { ...notForwarding, online, tunnels } : notForwarding;
}

function has(forwards: readonly Forward[], kind: Verdict['kind']): boolean {
  for (const { verdict } of forwards) if (verdict.kind === kind) return true;
  return false;
}

function tunnelsOf({ its, context }: Subject): readonly string[] {
  const tunnels: string[] = [];
  for (const { cluster, verdict } of its.forwards) {
    if (verdict.kind === 'online' && context.tunnels.has(cluster)) tunnels.push(cluster);
  }
  return tunnels;
}

/** The clusters that only get copies of requests, by exact name: mirrors are no backendRefs. */
function findLostMirrors({ its, context }: Subject): ReadonlyMap<string, string> | undefined {
  const { mirrors } = its.action;
  if (mirrors.length === 0) return undefined;
  const lost = new Map<string, string>();
  for (const cluster of mirrors) {
    const connector = context.view.forCluster(cluster);
    if (connector !== undefined && !connector.online) lost.set(cluster, connector.name);
  }
  return lost.size === 0 ? undefined : lost;
}

function reportMerged(subject: Subject): void {
  for (const { cluster, verdict } of subject.its.forwards) {
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
  const { view, action, identity } = subject.its;
  const { destination } = action;
  if (!concerned && !isSpokenOf(subject)) return undefined;
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
  if ('entries' in destination && destination.entries.some(({ cluster }) => cluster === '')) {
    const detail = 'a request header chooses the cluster of an entry of the split';
    return { reason: 'cluster-header', detail };
  }
  return undefined;
}

function isSpokenOf({ its, context }: Subject): boolean {
  return its.identity !== undefined && context.view.claimsRoute(its.identity.object);
}

/** Why entries cannot leave a split of which something stays. */
function findSplitObstacle(destination: Destination): Obstacle | undefined {
  if (destination.kind !== 'weighted' || !destination.fixed) return undefined;
  return { reason: 'total-weight', detail: 'the split fixes its total_weight' };
}

/** True when nothing is left of a route with offline connectors that could take a request. */
function isAnswered(forwards: readonly Forward[]): boolean {
  return forwards.every(({ verdict, weight }) => verdict.kind === 'offline' || weight === 0);
}

function answer(subject: Subject, connectors: readonly string[]): readonly Uint8Array[] {
  const { its, host, context } = subject;
  const given = answerRoute(host.route(its.place), its, context);
  reportAnswer(subject, connectors, given);
  return given.routes;
}

/** Reports how a route is answered that forwards to these connectors. */
export function reportAnswer(
  { its, host, context }: RouteOfHost,
  connectors: readonly string[],
  given: AnswerGiven,
): void {
  const { report } = context;
  const place = placeOf(context, host.name, its.view.name);
  const what = given.hasBody ? describeAnswer(context) : '503 without a body';
  const detail = `was ${describe(its.action)}, is ${what}`;
  report.changed('route-answered', place, connectors, detail);
  for (const upgrade of given.refusedUpgrades) {
    const clone = placeOf(context, host.name, upgradeRouteName(its.view.name, upgrade));
    report.changed('upgrade-refused', clone, connectors, `${upgrade} handshakes get 503`);
  }
  for (const upgrade of given.unansweredUpgrades) {
    const why = `${upgrade} handshakes get Envoy’s 403: no route to an absent cluster may be added`;
    report.skipped('validate-clusters', place, why);
  }
}

function describeAnswer({ settings, offlineAnswer }: RouteConfigurationContext): string {
  const { withoutBody } = offlineAnswer;
  const answer = `${settings.offlineResponse.status} at once`;
  return withoutBody === undefined ? answer : `${answer}, without its body: ${withoutBody}`;
}

const noMirrors: ReadonlyMap<string, string> = new Map();

/** Takes offline entries out of the split, and mirrors to offline connectors away. */
function thinOut(
  subject: Subject,
  connectors: readonly string[],
  lostMirrors: ReadonlyMap<string, string> = noMirrors,
): Uint8Array {
  const { its, host, context } = subject;
  const place = placeOfSubject(subject);
  const gone = new Set<string>();
  for (const { cluster, verdict } of its.forwards) {
    if (verdict.kind === 'offline') gone.add(cluster);
  }
  if (gone.size > 0) {
    const detail = `left the split: ${[...gone].join(', ')}`;
    context.report.changed('entries-dropped', place, connectors, detail);
  }
  for (const [mirror, connector] of lostMirrors) {
    context.report.changed('mirror-dropped', place, [connector], `no copies to ${mirror}`);
  }
  const dropEntry = (entry: Uint8Array) =>
    gone.has(stringOf(entry, ClusterWeight.name)) ? undefined : entry;
  const dropMirror = (mirror: Uint8Array) =>
    lostMirrors.has(stringOf(mirror, RequestMirrorPolicy.cluster)) ? undefined : mirror;
  return mapFields(host.route(its.place), Route.route, (action) =>
    mapFields(
      mapFields(action, RouteAction.weighted_clusters, (split) =>
        mapFields(split, WeightedCluster.clusters, dropEntry),
      ),
      RouteAction.request_mirror_policies,
      dropMirror,
    ),
  );
}

/** The offline connectors that it forwards to. */
function namesOf(forwards: readonly Forward[]): readonly string[] {
  const names = new Set<string>();
  for (const { verdict } of forwards) {
    if (verdict.kind !== 'offline') continue;
    for (const name of verdict.connectors) names.add(name);
  }
  return [...names];
}

function placeOfSubject({ its, host, context }: Subject): Place {
  return placeOf(context, host.name, its.view.name);
}

function describe({ destination }: ForwardingAction): string {
  if (destination.kind === 'cluster') return `cluster ${destination.cluster}`;
  if (destination.kind !== 'weighted') return destination.kind;
  return `a split over ${destination.entries.map(({ cluster }) => cluster).join(', ')}`;
}
