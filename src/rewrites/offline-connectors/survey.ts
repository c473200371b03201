import type { Connector, ConnectorLookup } from '../../state/connectors.ts';
import { clusterBackends } from '../../xds/cluster.ts';
import { indexClusters } from '../../xds/cluster-index.ts';
import { FieldReader } from '../../xds/field-reader.ts';
import { fields } from '../../xds/fields.ts';
import { parseClusterName } from '../../xds/names.ts';
import {
  type ForwardingAction,
  type RouteView,
  readAction,
  readRoute,
  type WeightedEntry,
} from '../../xds/route.ts';
import { identifyRoute, type RouteIdentity } from '../../xds/route-identity.ts';
import { mapResources, type Snapshot } from '../../xds/snapshot.ts';
import { forEachOccurrence, hasField, hasText } from '../../xds/wire.ts';
import type { ReportBuilder } from '../report-builder.ts';
import type { RoutesToRead } from '../route-selection.ts';
import { isOwnRoute } from './own-routes.ts';
import { selectRoutes } from './select-routes.ts';
import { type BackendsOfCluster, judge, type Verdict } from './verdict.ts';

/** What a look over the whole snapshot shows, before anything is changed. */
export interface Survey {
  /** By the places (among the route configurations) of those in which a connector plays a part. */
  readonly concerned: ReadonlyMap<number, SurveyedConfiguration>;
  /** Clusters that lead to one online connector, whichever route one comes from. */
  readonly tunnels: ReadonlyMap<string, OnlineConnector>;
  /** Clusters that some routes use for an online connector, and others for something else. */
  readonly shared: ReadonlySet<string>;
  /** Clusters of online connectors that the snapshot does not have. */
  readonly missing: ReadonlySet<string>;
  readonly offlineClusters: ReadonlySet<string>;
}

/**
 * The routes of a route configuration that may change, by the place of their virtual host and their own
 * place in it. A virtual host without an entry has none.
 */
export type SurveyedConfiguration = ReadonlyMap<number, ReadonlyMap<number, SurveyedRoute>>;

/** A route that forwards, as it was read. */
export interface SurveyedRoute {
  readonly view: RouteView;
  readonly action: ForwardingAction;
  readonly identity: RouteIdentity | undefined;
  readonly forwards: readonly Forward[];
}

/** A cluster that a route forwards to, with its share and what the state says of it. */
export interface Forward {
  readonly cluster: string;
  readonly weight: number;
  readonly verdict: Verdict;
}

type OnlineConnector = Connector & { readonly online: true };

/** Who uses a cluster: online connectors, or undefined for any other use. */
type Uses = Map<string, Set<OnlineConnector | undefined>>;

/**
 * Looks at every route of the snapshot that the state may speak of. Resources that cannot be read are
 * passed over. Without a pause: a connector must not be online for one route and offline for another.
 */
export function survey(snapshot: Snapshot, view: ConnectorLookup, report: ReportBuilder): Survey {
  const clusters = indexClusters(snapshot);
  const backendsOf: BackendsOfCluster = (cluster) => {
    const value = clusters.get(cluster);
    return value === undefined ? undefined : clusterBackends(value);
  };
  const uses: Uses = new Map();
  const concerned = new Map<number, SurveyedConfiguration>();
  const offlineClusters = new Set<string>();
  const routesToRead = selectRoutes(snapshot, view);

  const look = (routeConfiguration: Uint8Array, index: number) => {
    const toRead = routesToRead(index);
    if (toRead === undefined) return routeConfiguration;
    const { hosts, hasMatcherTree } = readHosts(routeConfiguration, toRead, (route) =>
      readForwardingRoute(route, view, backendsOf),
    );
    let isConcerned = hasMatcherTree;
    for (const routes of hosts.values()) {
      for (const route of routes.values()) isConcerned = noteRoute(route) || isConcerned;
    }
    if (isConcerned) concerned.set(index, hosts);
    return routeConfiguration;
  };
  mapResources(snapshot, 'routes', look, report.unreadable);

  const tunnels = new Map<string, OnlineConnector>();
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
  return { concerned, tunnels, shared, missing, offlineClusters };

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

  /** Answers whether a connector plays a part in it. */
  function noteRoute({ action, identity, forwards }: SurveyedRoute): boolean {
    let isConcerned = false;
    for (const cluster of action.mirrors) {
      const verdict = judge(cluster, undefined, view, backendsOf);
      isConcerned = noteUse(cluster, verdict) || isConcerned;
    }
    for (const { cluster, verdict } of forwards) {
      isConcerned = noteUse(cluster, verdict) || isConcerned;
    }
    return isConcerned || (identity !== undefined && view.claimsRoute(identity.object));
  }

  function noteUse(cluster: string, verdict: Verdict): boolean {
    if (verdict.kind === 'offline') offlineClusters.add(cluster);
    const user = verdict.kind === 'online' ? verdict.connector : undefined;
    const users = uses.get(cluster);
    if (users === undefined) uses.set(cluster, new Set([user]));
    else users.add(user);
    return verdict.kind !== 'none';
  }
}

function readHosts(
  routeConfiguration: Uint8Array,
  toRead: RoutesToRead,
  read: (route: Uint8Array) => SurveyedRoute | undefined,
): { readonly hosts: SurveyedConfiguration; readonly hasMatcherTree: boolean } {
  const hosts = new Map<number, ReadonlyMap<number, SurveyedRoute>>();
  let hasMatcherTree = false;
  forEachOccurrence(
    new FieldReader(routeConfiguration),
    fields.RouteConfiguration.virtual_hosts,
    (occurrence, host) => {
      if (!toRead.hasHost(host)) return;
      const virtualHost = occurrence.value();
      // Where its routes are not looked for, which is reported.
      hasMatcherTree ||= hasField(virtualHost, fields.VirtualHost.matcher);
      const routes = new Map<number, SurveyedRoute>();
      hosts.set(host, routes);
      forEachOccurrence(new FieldReader(virtualHost), fields.VirtualHost.routes, (route, place) => {
        const surveyed = toRead.hasRoute(host, place) ? read(route.value()) : undefined;
        if (surveyed !== undefined) routes.set(place, surveyed);
      });
    },
  );
  return { hosts, hasMatcherTree };
}

function readForwardingRoute(
  route: Uint8Array,
  view: ConnectorLookup,
  backendsOf: BackendsOfCluster,
): SurveyedRoute | undefined {
  const its = readRoute(route);
  if (its.action === undefined || isOwnRoute(its)) return undefined;
  const action = readAction(its.action);
  const identity = identifyRoute(route, its.name);
  const forwards = entriesOf(action).map(({ cluster, weight }) => {
    return { cluster, weight, verdict: judge(cluster, identity, view, backendsOf) };
  });
  return { view: its, action, identity, forwards };
}

function entriesOf({ destination }: ForwardingAction): readonly WeightedEntry[] {
  if (destination.kind === 'cluster') return [{ cluster: destination.cluster, weight: 1 }];
  return 'entries' in destination ? destination.entries : [];
}
