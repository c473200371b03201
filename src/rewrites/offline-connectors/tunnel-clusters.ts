import { readClusterName, speaksHttp2 } from '../../xds/cluster.ts';
import { type ClusterIndex, indexClusters } from '../../xds/cluster-index.ts';
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
  const hashes = new Set<number | undefined>([...found.tunnels.keys()].map(hashText));
  hashes.add(undefined); // what cannot be read is reported
  const opening: Opening = {
    ...{ internalListener, report, hashes },
    clusters: indexClusters(snapshot),
    connectors: found.tunnels,
    opened: new Map(),
  };
  const { unreadable } = report;
  const rewrite = { isConcerned: mayLeadIntoTunnel, rewrite: openTunnel, unreadable };
  const rewritten = mapResources(snapshot, 'clusters', rewrite, opening);
  return { snapshot: rewritten, tunnels: opening.opened };
}

/** What tunnels are opened with, and those that were. */
interface Opening {
  readonly internalListener: string;
  readonly report: ReportBuilder;
  readonly clusters: ClusterIndex;
  /** Those that lead to a connector, by their names. */
  readonly connectors: Survey['tunnels'];
  /** The hashes of these names, and undefined. */
  readonly hashes: ReadonlySet<number | undefined>;
  readonly opened: Map<string, string>;
}

function mayLeadIntoTunnel(index: number, { hashes, clusters }: Opening): boolean {
  return hashes.has(clusters.hashAt(index));
}

function openTunnel(cluster: Uint8Array, _index: number, opening: Opening): Uint8Array {
  const name = readClusterName(cluster);
  const connector = opening.connectors.get(name);
  if (connector === undefined) return cluster;
  const { internalListener, report } = opening;
  const { tunnel } = connector;
  const http2 = speaksHttp2(cluster);
  const replacement = tunnelCluster({ name, tunnel, internalListener, http2 });
  opening.opened.set(name, connector.name);
  if (isTunnelAlready(cluster, replacement, name)) return cluster;
  report.changed(
    'cluster-replaced',
    { kind: 'clusters', resource: name },
    [connector.name],
    `leads to ${tunnel.host}:${tunnel.port} at endpoint ${tunnel.endpointId}`,
  );
  return replacement;
}

const hasConfirmFilter = textFinder(filterNames.confirm);

/** Whether it is this tunnel, perhaps with what the fallback put into it: our own output, seen again. */
function isTunnelAlready(cluster: Uint8Array, tunnel: Uint8Array, name: string): boolean {
  if (!beginsAlike(cluster, tunnel, name.length + bytesBehindName)) return false;
  return (
    Buffer.compare(tunnel, cluster) === 0 ||
    (hasConfirmFilter(cluster) && Buffer.compare(prependConfirmFilter(tunnel), cluster) === 0)
  );
}

/** Tunnels begin with their name and much that all have in common, whatever the fallback does. */
const bytesBehindName = 16;

function beginsAlike(one: Uint8Array, other: Uint8Array, length: number): boolean {
  for (let at = 0; at < length; at++) if (one[at] !== other[at]) return false;
  return true;
}
