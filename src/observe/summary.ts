import { countEffects, type Place, type Report } from '../rewrites/report.ts';
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
  const effects = countEffects(report);
  return {
    clusters,
    listeners,
    route_configs: routes,
    clusters_replaced: effects['cluster-replaced'] ?? 0,
    clusters_offline: report.offlineClusters.length,
    vhosts_connector_applied: countVirtualHosts(report),
    connector_offline_routes: effects['route-answered'] ?? 0,
    empty_backends_dropped: effects['empty-dropped'] ?? 0,
    fallback_routes: effects['fallback-added'] ?? 0,
    skipped: report.skips.length,
  };
}

/** How many virtual hosts a connector changed something in. */
function countVirtualHosts(report: Report): number {
  const byResource = new Map<string, Set<string>>();
  let last: Place | undefined;
  for (const { rewrite, place } of report.changes) {
    const { resource, virtualHost } = place;
    if (rewrite !== 'offline-connectors' || virtualHost === undefined) continue;
    // The changes of a virtual host come one after the other.
    if (virtualHost === last?.virtualHost && resource === last.resource) continue;
    last = place;
    const known = byResource.get(resource);
    if (known === undefined) byResource.set(resource, new Set([virtualHost]));
    else known.add(virtualHost);
  }
  let count = 0;
  for (const hosts of byResource.values()) count += hosts.size;
  return count;
}
