import type { Connector, ConnectorLookup } from '../../state/connectors.ts';
import { clusterBackends, readClusterNames } from '../../xds/cluster.ts';
import { fields } from '../../xds/fields.ts';
import { parseClusterName } from '../../xds/names.ts';
import { readAction, readRoute } from '../../xds/route.ts';
import { identifyRoute, type RouteIdentity } from '../../xds/route-identity.ts';
import { mapResources, type Snapshot } from '../../xds/snapshot.ts';
import { forEachField, hasField, hasText, stringOf, valuesOf } from '../../xds/wire.ts';
import type { ReportBuilder } from '../report-builder.ts';
import { isOwnRoute } from './own-routes.ts';
import { type BackendsOfCluster, judge } from './verdict.ts';

/** What a look over the whole snapshot shows, before anything is changed. */
export interface Survey {
  /** Places (among the route configurations) of those in which a connector plays a part. */
  readonly concerned: ReadonlySet<number>;
  /** Names of all virtual hosts, for finding names that would meet. */
  readonly virtualHostNames: ReadonlySet<string>;
  /** Clusters that lead to one online connector, whichever route one comes from. */
  readonly tunnels: ReadonlyMap<string, Connector & { readonly online: true }>;
  /** Clusters that some routes use for an online connector, and others for something else. */
  readonly shared: ReadonlySet<string>;
  /** Clusters of online connectors that the snapshot does not have. */
  readonly missing: ReadonlySet<string>;
  readonly offlineClusters: ReadonlySet<string>;
  readonly backendsOf: BackendsOfCluster;
}

/** Who uses a cluster: online connectors, or undefined for any other use. */
type Uses = Map<string, Set<(Connector & { readonly online: true }) | undefined>>;

/** Looks at every route of the snapshot. Resources that cannot be read are passed over. */
export function survey(snapshot: Snapshot, view: ConnectorLookup, report: ReportBuilder): Survey {
  const clusters = readClusterNames(snapshot);
  const backendsOf: BackendsOfCluster = (cluster) => {
    const value = clusters.get(cluster);
    return value === undefined ? undefined : clusterBackends(value);
  };
  const uses: Uses = new Map();
  const concerned = new Set<number>();
  const virtualHostNames = new Set<string>();
  const offlineClusters = new Set<string>();

  const look = (routeConfiguration: Uint8Array, index: number) => {
    for (const use of readUses(routeConfiguration, virtualHostNames)) noteUse(use, index);
    if (hasMatcherTree(routeConfiguration)) concerned.add(index);
    return routeConfiguration;
  };
  mapResources(snapshot, 'routes', look, report.unreadable);

  const tunnels = new Map<string, Connector & { readonly online: true }>();
  const shared = new Set<string>();
  const missing = new Set<string>();
  for (const [cluster, users] of uses) {
    const [user] = users;
    const isTunnel = [...users].some((one) => one !== undefined);
    if (!isTunnel) continue;
    if (users.size > 1 || isNamedByListener(cluster)) shared.add(cluster);
    else if (!clusters.has(cluster)) missing.add(cluster);
    else if (user !== undefined) tunnels.set(cluster, user);
  }
  return { concerned, virtualHostNames, tunnels, shared, missing, offlineClusters, backendsOf };

  /**
   * TCP and TLS routes, authorisation services and access logs name clusters in listeners. Only a
   * cluster that is not one rule's own (mergeBackends, a cluster claimed by name) can be theirs too.
   */
  function isNamedByListener(cluster: string): boolean {
    return (
      parseClusterName(cluster) === undefined &&
      snapshot.resources.some(({ kind, value }) => kind === 'listeners' && hasText(value, cluster))
    );
  }

  function noteUse({ cluster, route, isMirror }: ClusterUse, index: number): void {
    const verdict = judge(cluster, isMirror ? undefined : route, view, backendsOf);
    if (verdict.kind !== 'none' || (route && view.claimsRoute(route.object))) concerned.add(index);
    if (verdict.kind === 'offline') offlineClusters.add(cluster);
    const users = uses.get(cluster) ?? new Set();
    users.add(verdict.kind === 'online' ? verdict.connector : undefined);
    uses.set(cluster, users);
  }
}

/** Whether a virtual host keeps its routes where they are not looked for, which is reported. */
function hasMatcherTree(routeConfiguration: Uint8Array): boolean {
  return valuesOf(routeConfiguration, fields.RouteConfiguration.virtual_hosts).some((host) =>
    hasField(host, fields.VirtualHost.matcher),
  );
}

interface ClusterUse {
  readonly cluster: string;
  readonly route: RouteIdentity | undefined;
  readonly isMirror: boolean;
}

function readUses(routeConfiguration: Uint8Array, virtualHostNames: Set<string>): ClusterUse[] {
  const uses: ClusterUse[] = [];
  forEachField(routeConfiguration, fields.RouteConfiguration.virtual_hosts, (virtualHost) => {
    virtualHostNames.add(stringOf(virtualHost, fields.VirtualHost.name));
    forEachField(virtualHost, fields.VirtualHost.routes, (route) => {
      uses.push(...readRouteUses(route));
    });
  });
  return uses;
}

function readRouteUses(route: Uint8Array): ClusterUse[] {
  const view = readRoute(route);
  const { name, action } = view;
  if (action === undefined || isOwnRoute(view)) return [];
  const { destination, mirrors } = readAction(action);
  const identity = identifyRoute(route, name);
  const uses = mirrors.map((cluster) => ({ cluster, route: identity, isMirror: true }));
  if (destination.kind === 'cluster') {
    uses.push({ cluster: destination.cluster, route: identity, isMirror: false });
  } else if ('entries' in destination) {
    for (const { cluster } of destination.entries) {
      uses.push({ cluster, route: identity, isMirror: false });
    }
  } else if (identity !== undefined) {
    uses.push({ cluster: '', route: identity, isMirror: false });
  }
  return uses;
}
