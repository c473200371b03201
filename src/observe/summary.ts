import type { Change, Place, Report } from '../rewrites/report.ts';
import { countResources, type Snapshot } from '../xds/snapshot.ts';

/** Fields of the log line of one hook call; the names are the ones dashboards search for. */
export interface Summary {
  readonly clusters: number;
  readonly listeners: number;
  readonly route_configs: number;
  readonly clusters_replaced: number;
  readonly clusters_offline: number;
  readonly vhosts_connector_applied: number;
  readonly connector_offline_routes: number;
  readonly empty_backends_dropped: number;
  readonly fallback_routes: number;
  readonly skipped: number;
}

/** What was in a snapshot and what its report says was done to it. */
export function summarize(snapshot: Snapshot, report: Report): Summary {
  const { clusters, listeners, routes } = countResources(snapshot);
  const counts = new Counts();
  for (const change of report.changes) counts.add(change);
  return {
    clusters,
    listeners,
    route_configs: routes,
    clusters_replaced: counts.clustersReplaced,
    clusters_offline: report.offlineClusters.length,
    vhosts_connector_applied: counts.virtualHosts,
    connector_offline_routes: counts.routesAnswered,
    empty_backends_dropped: counts.emptyDropped,
    fallback_routes: counts.fallbacksAdded,
    skipped: report.skips.length,
  };
}

/** What changes come to; counted in one pass, as to get at thousands of them takes longer than to count. */
class Counts {
  clustersReplaced = 0;
  routesAnswered = 0;
  emptyDropped = 0;
  fallbacksAdded = 0;
  /** Where a connector changed something: of each resource the first one, as most have no other. */
  readonly #firstHosts = new Map<string, string>();
  /** The others of each. */
  readonly #otherHosts = new Map<string, Set<string>>();
  /** The virtual host that was added last. */
  #last: Place | undefined;

  add({ rewrite, effect, place }: Change): void {
    if (rewrite === 'offline-connectors') this.#addHost(place);
    switch (effect) {
      case 'cluster-replaced':
        this.clustersReplaced++;
        return;
      case 'route-answered':
        this.routesAnswered++;
        return;
      case 'empty-dropped':
        this.emptyDropped++;
        return;
      case 'fallback-added':
        this.fallbacksAdded++;
    }
  }

  /** How many virtual hosts a connector changed something in. */
  get virtualHosts(): number {
    let count = this.#firstHosts.size;
    for (const others of this.#otherHosts.values()) count += others.size;
    return count;
  }

  #addHost(place: Place): void {
    const { resource, virtualHost } = place;
    if (virtualHost === undefined) return;
    // The changes of a virtual host come one after the other.
    if (virtualHost === this.#last?.virtualHost && resource === this.#last.resource) return;
    this.#last = place;
    const first = this.#firstHosts.get(resource);
    if (first === undefined) this.#firstHosts.set(resource, virtualHost);
    else if (first !== virtualHost) this.#addOther(resource, virtualHost);
  }

  #addOther(resource: string, virtualHost: string): void {
    const others = this.#otherHosts.get(resource);
    if (others === undefined) this.#otherHosts.set(resource, new Set([virtualHost]));
    else others.add(virtualHost);
  }
}
