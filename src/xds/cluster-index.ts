import { readClusterName, scanCluster } from './cluster.ts';
import { hashText } from './name-hash.ts';
import type { Snapshot } from './snapshot.ts';

/**
 * A snapshot's clusters by their names, of which only those are decoded that somebody asks for; the
 * last of several with one name. Those that cannot be read are passed over.
 */
export class ClusterIndex {
  readonly #clusters: Uint8Array[] = [];
  /** Of each cluster the place of the one before it whose name has the same hash; -1 for none. */
  readonly #before: number[] = [];
  /** By the hashes of names, the place of the last such cluster. */
  readonly #last = new Map<number, number>();
  readonly #isEds: boolean[] = [];

  constructor(snapshot: Snapshot) {
    for (const { kind, value } of snapshot.resources) {
      const scanned = kind === 'clusters' ? scanCluster(value) : undefined;
      if (scanned === undefined) continue;
      const place = this.#clusters.push(value) - 1;
      this.#before.push(this.#last.get(scanned.name) ?? -1);
      this.#last.set(scanned.name, place);
      this.#isEds.push(scanned.isEds);
    }
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
