import { readClusterName } from './cluster.ts';
import { ClusterScanner } from './cluster-scan.ts';
import { releaseSpareReaders } from './field-reader.ts';
import { hashText, notAscii } from './name-hash.ts';
import type { ResourceList } from './resource-list.ts';
import type { Snapshot } from './snapshot.ts';
import { wordsOf } from './words.ts';

/** The index of a snapshot's clusters: the same one for all snapshots that have the same list of them. */
export function indexClusters(snapshot: Snapshot): ClusterIndex {
  const { clusterIndexes } = snapshot.known;
  const { clusters } = snapshot.resources.lists;
  const known = clusterIndexes.get(clusters);
  if (known !== undefined) return known;
  const index = new ClusterIndex(snapshot);
  clusterIndexes.set(clusters, index);
  return index;
}

/** What is known of a cluster but for its name. */
const sorts = { unreadable: 0, listing: 1, eds: 2 } as const;

const scanner = new ClusterScanner();

/**
 * A snapshot's clusters by their names, of which only those are decoded that somebody asks for; the
 * last of several with one name. Those that cannot be read are passed over.
 */
export class ClusterIndex {
  /** All clusters, those too that cannot be read. */
  readonly #clusters: ResourceList;
  /** Of each cluster one of `sorts`. */
  readonly #sorts: Uint8Array;
  /** Of each cluster the hash of its name. */
  readonly #hashes: Int32Array;
  /** Of each cluster where its name is in it. */
  readonly #nameStarts: Int32Array;
  readonly #nameEnds: Int32Array;
  /** The place of each bucket’s last cluster, from 1; 0 when it is empty. A power of 2 of them. */
  readonly #buckets: Int32Array;
  /** Of each cluster the place of the one before it in its bucket, from 1; 0 for none. */
  readonly #before: Int32Array;

  constructor(snapshot: Snapshot) {
    this.#clusters = snapshot.resources.lists.clusters;
    const count = this.#clusters.length;
    this.#sorts = new Uint8Array(count);
    this.#hashes = new Int32Array(count);
    this.#nameStarts = new Int32Array(count);
    this.#nameEnds = new Int32Array(count);
    this.#before = new Int32Array(count);
    this.#buckets = new Int32Array(2 ** Math.ceil(Math.log2(count + 1)));
    const words = wordsOf(snapshot.request);
    try {
      for (let place = 0; place < count; place++) {
        snapshot.budget?.spend(this.#clusters.sizeAt(place));
        this.#add(place, words);
      }
    } finally {
      releaseSpareReaders();
    }
  }

  /**
   * The hash of the name of the cluster at a place in the snapshot's list; undefined when it cannot be
   * read.
   */
  hashAt(place: number): number | undefined {
    return this.#sorts[place] === sorts.unreadable ? undefined : this.#hashes[place];
  }

  get(name: string): Uint8Array | undefined {
    const hash = hashText(name);
    for (let place = this.#lastIn(hash); place !== -1; place = this.#placeBefore(place)) {
      if (this.#hashes[place] !== hash) continue;
      const cluster = this.#clusters.valueAt(place);
      if (this.#isNamed(cluster, place, name)) return cluster;
    }
    return undefined;
  }

  /** Whether the cluster at a place has this name; of ASCII, as nearly all are, no string is made. */
  #isNamed(cluster: Uint8Array, place: number, name: string): boolean {
    if (this.#hashes[place] === notAscii) return readClusterName(cluster) === name;
    const from = this.#nameStarts[place] ?? 0;
    const to = this.#nameEnds[place] ?? 0;
    if (to - from !== name.length) return false;
    for (let at = 0; at < name.length; at++) {
      if (cluster[from + at] !== name.charCodeAt(at)) return false;
    }
    return true;
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  /** Whether something is so of a cluster whose name has this hash and that may list its endpoints itself. */
  someListing(hash: number, isSo: (cluster: Uint8Array) => boolean): boolean;
  someListing<Context>(
    hash: number,
    isSo: (cluster: Uint8Array, context: Context) => boolean,
    context: Context,
  ): boolean;
  someListing<Context>(
    hash: number,
    isSo: (cluster: Uint8Array, context: Context | undefined) => boolean,
    context?: Context,
  ): boolean {
    for (let place = this.#lastIn(hash); place !== -1; place = this.#placeBefore(place)) {
      if (this.#sorts[place] !== sorts.listing || this.#hashes[place] !== hash) continue;
      if (isSo(this.#clusters.valueAt(place), context)) return true;
    }
    return false;
  }

  #lastIn(hash: number): number {
    return (this.#buckets[this.#bucketOf(hash)] ?? 0) - 1;
  }

  /** The place of the cluster before that at a place in their bucket; -1 for none. */
  #placeBefore(place: number): number {
    return (this.#before[place] ?? 0) - 1;
  }

  #bucketOf(hash: number): number {
    return hash & (this.#buckets.length - 1);
  }

  #add(place: number, words: DataView): void {
    if (!this.#scan(place, words)) return;
    const bucket = this.#bucketOf(scanner.name);
    this.#sorts[place] = scanner.isEds ? sorts.eds : sorts.listing;
    this.#hashes[place] = scanner.name;
    this.#nameStarts[place] = scanner.nameFrom;
    this.#nameEnds[place] = scanner.nameTo;
    this.#before[place] = this.#buckets[bucket] ?? 0;
    this.#buckets[bucket] = place + 1;
  }

  /** Scans the cluster at a place: in the request, if it came so. False when it cannot be read. */
  #scan(place: number, words: DataView): boolean {
    const { received } = this.#clusters;
    const isUsual =
      this.#clusters.madeAt(place) === undefined &&
      scanner.scanUsual(words, received.valueStartAt(place), received.endAt(place));
    return isUsual || scanner.scan(this.#clusters.valueAt(place));
  }
}
