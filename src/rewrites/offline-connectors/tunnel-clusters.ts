import { readClusterName, speaksHttp2 } from '../../xds/cluster.ts';
import { indexClusters } from '../../xds/cluster-index.ts';
import { hashText } from '../../xds/name-hash.ts';
import { mapResources, type Snapshot } from '../../xds/snapshot.ts';
import { textFinder } from '../../xds/text.ts';
import { filterNames } from '../control-plane-fallback/messages.ts';
import { prependConfirmFilter } from '../control-plane-fallback/vm-clusters.ts';
import type { ReportBuilder } from '../report-builder.ts';
import { tunnelCluster } from './messages.ts';
import type { Survey } from './survey.ts';

/** The snapshot with its tunnels in place, and the clusters that now lead into one, each with its connector's name. */
export interface Tunnelled {
  readonly snapshot: Snapshot;
  readonly tunnels: ReadonlyMap<string, string>;
}

/**
 * Replaces the cluster of each online connector by one that leads into its tunnel, under the same
 * name. A cluster that other routes use for something else stays, and is reported.
 */
export function openTunnels(
  snapshot: Snapshot,
  found: Survey,
  internalListener: string,
  report: ReportBuilder,
): Tunnelled {
  for (const cluster of found.shared) {
    const place = { kind: 'clusters', resource: cluster } as const;
    report.skipped('shared-cluster', place, 'routes that are not this connector’s use it too');
  }
  for (const cluster of found.missing) {
    const place = { kind: 'clusters', resource: cluster } as const;
    report.skipped('cluster-missing', place, 'the snapshot has no such cluster to replace');
  }
  const tunnels = new Map<string, string>();
  const hashes = new Set<number | undefined>([...found.tunnels.keys()].map(hashText));
  hashes.add(undefined); // what cannot be read is reported
  const clusters = indexClusters(snapshot);
  const rewritten = mapResources(
    snapshot,
    'clusters',
    (cluster, index) => {
      if (!hashes.has(clusters.hashAt(index))) return cluster;
      const name = readClusterName(cluster);
      const connector = found.tunnels.get(name);
      if (connector === undefined) return cluster;
      const { tunnel } = connector;
      const http2 = speaksHttp2(cluster);
      const replacement = tunnelCluster({ name, tunnel, internalListener, http2 });
      tunnels.set(name, connector.name);
      if (isTunnelAlready(cluster, replacement)) return cluster;
      report.changed(
        'cluster-replaced',
        { kind: 'clusters', resource: name },
        [connector.name],
        `leads to ${tunnel.host}:${tunnel.port} at endpoint ${tunnel.endpointId}`,
      );
      return replacement;
    },
    report.unreadable,
  );
  return { snapshot: rewritten, tunnels };
}

const hasConfirmFilter = textFinder(filterNames.confirm);

/** Whether it is this tunnel, perhaps with what the fallback put into it: our own output, seen again. */
function isTunnelAlready(cluster: Uint8Array, tunnel: Uint8Array): boolean {
  return (
    Buffer.compare(tunnel, cluster) === 0 ||
    (hasConfirmFilter(cluster) && Buffer.compare(prependConfirmFilter(tunnel), cluster) === 0)
  );
}
