import { readClusterName, scanCluster } from './cluster.ts';
import { hashText } from './name-hash.ts';
import type { Snapshot } from './snapshot.ts';

/** The index of a snapshot's clusters: the same one for all snapshots that have the same clusters. */
export function indexClusters(snapshot: Snapshot): ClusterIndex {
  const first = snapshot.resources.find(({ kind }) => kind === 'clusters')?.value;
  const { clusterIndexes } = snapshot.known;
  const known = first && clusterIndexes.get(first);
  if (known?.isOf(snapshot)) return known;
  const index = new ClusterIndex(snapshot);
  if (first !== undefined) clusterIndexes.set(first, index);
  return index;
}

/**
 * A snapshot's clusters by their names, of which only those are decoded that somebody asks for; the
 * last of several with one name. Those that cannot be read are passed over.
 */
export class ClusterIndex {
  /** All clusters, those too that cannot be read. */
  readonly #clusters: Uint8Array[] = [];
  /** Of each cluster the hash of its name; undefined when it cannot be read. */
  readonly #hashes: (number | undefined)[] = [];
  /** Of each cluster the place of the one before it whose name has the same hash; -1 for none. */
  readonly #before: number[] = [];
  /** By the hashes of names, the place of the last such cluster. */
  readonly #last = new Map<number, number>();
  readonly #isEds: boolean[] = [];

  constructor(snapshot: Snapshot) {
    for (const { kind, value } of snapshot.resources) {
      if (kind !== 'clusters') continue;
      snapshot.checkpoint?.(value.length);
      const scanned = scanCluster(value);
      const place = this.#clusters.push(value) - 1;
      this.#hashes.push(scanned?.name);
      this.#isEds.push(scanned?.isEds ?? false);
      this.#before.push(scanned === undefined ? -1 : (this.#last.get(scanned.name) ?? -1));
      if (scanned !== undefined) this.#last.set(scanned.name, place);
    }
  }

  /** Whether these are the clusters of a snapshot: the same buffers in the same order. */
  isOf(snapshot: Snapshot): boolean {
    let place = 0;
    for (const { kind, value } of snapshot.resources) {
      if (kind === 'clusters' && value !== this.#clusters[place++]) return false;
    }
    return place === this.#clusters.length;
  }

  /**
   * The hash of the name of the cluster at a place in the snapshot's list; undefined when it cannot be
   * read.
   */
  hashAt(place: number): number | undefined {
    return this.#hashes[place];
  }

  get(name: string): Uint8Array | undefined {
    let place = this.#last.get(hashText(name)) ?? -1;
    while (place !== -1) {
      const cluster = this.#clusters[place];
      if (cluster !== undefined && readClusterName(cluster) === name) return cluster;
      place = this.#before[place] ?? -1;
    }
    return undefined;
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  /** The clusters whose names have this hash and that may list their endpoints themselves. */
  listing(hash: number): readonly Uint8Array[] {
    const found: Uint8Array[] = [];
    let place = this.#last.get(hash) ?? -1;
    while (place !== -1) {
      const cluster = this.#clusters[place];
      if (cluster !== undefined && this.#isEds[place] === false) found.push(cluster);
      place = this.#before[place] ?? -1;
    }
    return found;
  }
}
