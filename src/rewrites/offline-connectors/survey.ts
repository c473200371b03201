import type { Connector, ConnectorLookup } from '../../state/connectors.ts';
import { indexClusters } from '../../xds/cluster-index.ts';
import { releaseSpareReaders } from '../../xds/field-reader.ts';
import { parseClusterName } from '../../xds/names.ts';
import { mapResources, type Snapshot } from '../../xds/snapshot.ts';
import { hasText } from '../../xds/text.ts';
import type { ReportBuilder } from '../report-builder.ts';
import type { RoutesOfEach } from '../route-selection.ts';
import { type Reading, readHosts } from './read-hosts.ts';
import { selectRoutes } from './select-routes.ts';
import type { SurveyedConfiguration, SurveyedRoute } from './surveyed-routes.ts';
import { UsualRoutes } from './usual-routes.ts';
import { judge, type Verdict } from './verdict.ts';

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

type OnlineConnector = Connector & { readonly online: true };

/**
 * Looks at every route of the snapshot that the state may speak of. Resources that cannot be read are
 * passed over. Without a pause: a connector must not be online for one route and offline for another.
 */
export function survey(snapshot: Snapshot, view: ConnectorLookup, report: ReportBuilder): Survey {
  const clusters = indexClusters(snapshot);
  const uses = new ClusterUses();
  const concerned = new Map<number, SurveyedConfiguration>();
  const asked = { view, clusters };
  const looking = {
    routes: selectRoutes(snapshot, view),
    reading: { asked, usual: new UsualRoutes(asked) },
    uses,
    concerned,
  };
  try {
    mapResources(snapshot, 'routes', { rewrite: look, unreadable: report.unreadable }, looking);
  } finally {
    releaseSpareReaders();
  }

  const tunnels = new Map<string, OnlineConnector>();
  const shared = new Set<string>();
  const missing = new Set<string>();
  for (const [cluster, { user, isShared, isTunnel }] of uses.byCluster) {
    if (!isTunnel) continue;
    if (isShared || isNamedByListener(cluster, snapshot)) shared.add(cluster);
    else if (!clusters.has(cluster)) missing.add(cluster);
    else if (user !== undefined) tunnels.set(cluster, user);
  }
  return { concerned, tunnels, shared, missing, offlineClusters: uses.offline };
}

/** What the route configurations are looked at with, and what is found. */
interface Looking {
  readonly routes: RoutesOfEach;
  readonly reading: Reading;
  readonly uses: ClusterUses;
  readonly concerned: Map<number, SurveyedConfiguration>;
}

function look(routeConfiguration: Uint8Array, index: number, looking: Looking): Uint8Array {
  const toRead = looking.routes[index];
  if (toRead === undefined) return routeConfiguration;
  const { hosts, hasMatcherTree } = readHosts(routeConfiguration, toRead, looking.reading);
  let isConcerned = hasMatcherTree;
  for (const { routes } of hosts) {
    for (const route of routes) isConcerned = noteRoute(route, looking) || isConcerned;
  }
  if (isConcerned) looking.concerned.set(index, hosts);
  return routeConfiguration;
}

/** Answers whether a connector plays a part in it. */
function noteRoute(route: SurveyedRoute, looking: Looking): boolean {
  const { rule } = route;
  if (rule === undefined) return noteUses(route, looking);
  rule.isConcerned ??= noteUses(route, looking); // to note the same again would change nothing
  return rule.isConcerned;
}

function noteUses({ action, identity, forwards }: SurveyedRoute, looking: Looking): boolean {
  const { uses, reading } = looking;
  const { asked } = reading;
  let isConcerned = false;
  for (const cluster of action.mirrors) {
    isConcerned = uses.note(cluster, judge(cluster, undefined, asked)) || isConcerned;
  }
  for (const { cluster, verdict } of forwards) {
    isConcerned = uses.note(cluster, verdict) || isConcerned;
  }
  return isConcerned || (identity !== undefined && asked.view.claimsRoute(identity.object));
}

/** Who uses a cluster. */
interface Uses {
  /** The first that does: an online connector, or undefined for any other use. */
  readonly user: OnlineConnector | undefined;
  /** Whether there are others. */
  isShared: boolean;
  /** Whether a connector is among them. */
  isTunnel: boolean;
}

/** Who uses the clusters of a snapshot. */
class ClusterUses {
  readonly byCluster = new Map<string, Uses>();
  /** Clusters of offline connectors. */
  readonly offline = new Set<string>();

  /** Answers whether it is a connector’s. */
  note(cluster: string, verdict: Verdict): boolean {
    if (verdict.kind === 'offline') this.offline.add(cluster);
    const user = verdict.kind === 'online' ? verdict.connector : undefined;
    const others = this.byCluster.get(cluster);
    if (others === undefined) {
      this.byCluster.set(cluster, { user, isShared: false, isTunnel: user !== undefined });
    } else if (others.user !== user) {
      others.isShared = true;
      if (user !== undefined) others.isTunnel = true;
    }
    return verdict.kind !== 'none';
  }
}

/**
 * TCP and TLS routes, authorisation services and access logs name clusters in listeners. Only a
 * cluster that is not one rule's own (mergeBackends, a cluster claimed by name) can be theirs too.
 */
function isNamedByListener(cluster: string, { resources }: Snapshot): boolean {
  if (parseClusterName(cluster) !== undefined) return false;
  return [...resources.lists.listeners].some((listener) => hasText(listener, cluster));
}
