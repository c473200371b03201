import { encodeField } from '../../xds/encoding.ts';
import { fields } from '../../xds/fields.ts';
import { leftOutCluster } from '../../xds/names.ts';
import { type ForwardingAction, readAction, readRoute } from '../../xds/route.ts';
import {
  editFields,
  forEachField,
  hasField,
  lastValueOf,
  stringOf,
  wrappedBoolOf,
} from '../../xds/wire.ts';
import { absentCluster } from '../offline-connectors/messages.ts';
import type { Place } from '../report.ts';
import type { ReportBuilder } from '../report-builder.ts';
import type { Surroundings } from './control-plane-index.ts';
import { type FallbackRoutes, makeFallbackRoutes } from './fallback-routes.ts';
import {
  type ControlPlaneRoute,
  findControlPlane,
  type Obstacle,
  type Surveyed,
} from './find-control-plane.ts';
import type { OptIns, VmRoute } from './find-vm-routes.ts';
import { isFallbackRouteName, keyOf } from './own-routes.ts';
import { type ControlPlane, pathBeforeId } from './settings.ts';
import type { VmClusters } from './vm-clusters.ts';

const { VirtualHost, Route, RouteAction, RouteMatch } = fields;

/** What holds for a whole snapshot while its virtual hosts are rewritten. */
export interface FallbackContext {
  readonly optIns: OptIns;
  readonly surveyed: Surveyed;
  readonly clusters: VmClusters;
  readonly report: ReportBuilder;
}

/** What the routes of a virtual host need elsewhere in the snapshot. */
export interface Needs {
  /** VM clusters that need the filter. */
  readonly vmClusters: Set<string>;
  /** Clusters of control planes to add, by name. */
  readonly controlPlanes: Map<string, ControlPlane>;
}

/** Adds the fallback to each VM route of a virtual host; the same bytes when there is none. */
export function rewriteVirtualHost(
  virtualHost: Uint8Array,
  at: Surroundings,
  context: FallbackContext,
  needs: Needs,
): Uint8Array {
  const { optIns, report } = context;
  const name = stringOf(virtualHost, VirtualHost.name);
  const place = { kind: 'routes', resource: at.routeConfiguration, virtualHost: name } as const;
  const host = optIns.ofVirtualHost(virtualHost);
  const found: (Addition | undefined)[] = [];
  const keys = new Set<string>();
  forEachField(virtualHost, VirtualHost.routes, (route) => {
    const vm = optIns.find(route, host, place);
    found.push(vm && addTo(vm, { at, place, keys }, context));
  });
  if (found.every((one) => one === undefined)) return virtualHost;
  const rewritten = insertRoutes(virtualHost, found);
  for (const { clusters, controlPlane } of found.filter((one) => one !== undefined)) {
    for (const cluster of clusters) needs.vmClusters.add(cluster);
    const { cluster, added } = controlPlane;
    if (added !== undefined) needs.controlPlanes.set(cluster, added);
  }
  if (Buffer.compare(rewritten, virtualHost) === 0) return virtualHost;
  for (const { vm, controlPlane } of found.filter((one) => one !== undefined)) {
    const detail = describe(vm, controlPlane);
    report.changed('fallback-added', { ...place, route: vm.name }, [], detail);
  }
  return rewritten;
}

/** What is added for one VM route. */
interface Addition {
  readonly vm: VmRoute;
  readonly controlPlane: ControlPlaneRoute;
  readonly clusters: readonly string[];
  readonly routes: FallbackRoutes;
}

interface Spot {
  readonly at: Surroundings;
  readonly place: Place;
  /** Keys that are taken in this virtual host. */
  readonly keys: Set<string>;
}

function addTo(
  vm: VmRoute,
  { at, place, keys }: Spot,
  context: FallbackContext,
): Addition | undefined {
  const view = readRoute(vm.route);
  if (view.action === undefined || view.matchesConnect || !mayServeSessions(vm)) return undefined;
  const action = readAction(view.action);
  if (action.destination.kind === 'cluster' && action.destination.cluster === absentCluster) {
    return undefined;
  }
  const clusters = vmClustersOf(action).filter((one) => context.clusters.has(one));
  const way =
    findRouteObstacle(view.action, action, view.ambiguous) ??
    findListenerObstacle(at, context.surveyed) ??
    findClusterObstacle(clusters, vm, context.clusters) ??
    findControlPlane(vm, at, context.surveyed);
  if ('reason' in way) {
    // A whole Gateway’s routes have the one to the control plane among them.
    if (way === isControlPlane && !vm.isNamed) return undefined;
    context.report.skipped(way.reason, { ...place, route: vm.name }, way.detail);
    return undefined;
  }
  const key = freeKey(keyOf(vm.name), keys);
  return { vm, controlPlane: way, clusters, routes: makeFallbackRoutes(vm, key, way.template) };
}

const isControlPlane: Obstacle = {
  reason: 'control-plane-missing',
  detail: 'its own cluster is the one of the control plane',
};

/** Whether some path of a session may reach the route, as far as its path match tells. */
function mayServeSessions({ route, options }: VmRoute): boolean {
  const match = lastValueOf(route, Route.match);
  if (match === undefined) return false;
  if (wrappedBoolOf(match, RouteMatch.case_sensitive) === false) return true;
  const before = pathBeforeId(options);
  const whole = stringOf(match, RouteMatch.path);
  if (whole !== '') return whole.startsWith(before);
  const start =
    stringOf(match, RouteMatch.prefix) || stringOf(match, RouteMatch.path_separated_prefix);
  return start.startsWith(before) || before.startsWith(start);
}

function vmClustersOf({ destination }: ForwardingAction): string[] {
  if (destination.kind === 'cluster') return [destination.cluster];
  if (destination.kind !== 'weighted') return [];
  return destination.entries.map(({ cluster }) => cluster).filter((one) => one !== leftOutCluster);
}

function findRouteObstacle(
  bytes: Uint8Array,
  { destination }: ForwardingAction,
  ambiguous: boolean,
): Obstacle | undefined {
  if (ambiguous || destination.kind === 'ambiguous') {
    const detail = 'a field that decoders merge occurs twice in the route or its action';
    return { reason: 'ambiguous-encoding', detail };
  }
  if (destination.kind === 'inline-plugin') {
    const detail = 'an inline cluster specifier plugin chooses the cluster';
    return { reason: 'inline-cluster-specifier', detail };
  }
  const isChosen =
    destination.kind === 'request-decides' ||
    ('entries' in destination && destination.entries.some(({ cluster }) => cluster === ''));
  if (isChosen) return { reason: 'cluster-header', detail: 'the request chooses the cluster' };
  if (hasField(bytes, RouteAction.internal_redirect_policy)) {
    const detail = 'it has an internal redirect policy of its own';
    return { reason: 'internal-redirect-policy', detail };
  }
  return undefined;
}

function findListenerObstacle(
  { routeConfiguration }: Surroundings,
  { served }: Surveyed,
): Obstacle | undefined {
  if (!served.isWhole) {
    const detail = 'a listener of the snapshot cannot be read, so it may serve this route';
    return { reason: 'fallback-without-listener', detail };
  }
  if (served.chains.has(routeConfiguration)) return undefined;
  const detail = 'no listener of the snapshot serves it: is listener.includeAll set?';
  return { reason: 'fallback-without-listener', detail };
}

function findClusterObstacle(
  clusters: readonly string[],
  { options }: VmRoute,
  known: VmClusters,
): Obstacle | undefined {
  if (clusters.length === 0) {
    const detail = 'the snapshot has none of its clusters: is cluster.includeAll set?';
    return { reason: 'cluster-missing', detail };
  }
  const { cluster } = options.controlPlane ?? {};
  if (cluster !== undefined && clusters.includes(cluster)) return isControlPlane;
  if (cluster !== undefined && !known.has(cluster)) {
    return { reason: 'control-plane-missing', detail: `the snapshot has no cluster ${cluster}` };
  }
  return clusters.map((one) => known.obstacleOf(one)).find((one) => one !== undefined);
}

function freeKey(wanted: string, taken: Set<string>): string {
  let key = wanted;
  for (let count = 2; taken.has(key); count++) key = `${wanted}-${count}`;
  taken.add(key);
  return key;
}

/** The routes in their places: two at the top for each addition, two in front of its VM route. */
function insertRoutes(
  virtualHost: Uint8Array,
  found: readonly (Addition | undefined)[],
): Uint8Array {
  const encode = (routes: readonly Uint8Array[]) =>
    routes.map((route) => encodeField(VirtualHost.routes, route));
  const top = encode(found.flatMap((one) => one?.routes.top ?? []));
  let index = -1;
  let isFirst = true;
  return editFields(virtualHost, (field) => {
    if (field.number !== VirtualHost.routes.number) return 'keep';
    index++;
    const head = isFirst ? top : [];
    isFirst = false;
    if (isFallbackRouteName(readRoute(field.value()).name)) return head.length > 0 ? head : 'drop';
    const front = encode(found[index]?.routes.front ?? []);
    return head.length + front.length === 0 ? 'keep' : [...head, ...front, field.raw()];
  });
}

function describe({ options, by }: VmRoute, { cluster }: ControlPlaneRoute): string {
  const { pathTemplate, registry, rememberFor, injectedQueryParameter: drop } = options;
  const paths = registry.map(
    ({ subresource, suffix }) => `${pathTemplate}/${subresource}${suffix}`,
  );
  return (
    `opted in by ${by}: a GET of ${paths.join(' or ')} that meets browser_gone is replayed to ` +
    `${cluster}, without ${drop}; the session is remembered for ${rememberFor}`
  );
}
