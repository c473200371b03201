import { readClusterName } from './cluster.ts';
import { ClusterScanner } from './cluster-scan.ts';
import { releaseSpareReaders } from './field-reader.ts';
import { hashText, notAscii } from './name-hash.ts';
import { countResources, listsOf, type Resource, type Snapshot } from './snapshot.ts';
import { wordsOf } from './words.ts';

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

/** What is known of a cluster but for its name. */
const sorts = { unreadable: 0, listing: 1, eds: 2 } as const;

const scanner = new ClusterScanner();

/**
 * A snapshot's clusters by their names, of which only those are decoded that somebody asks for; the
 * last of several with one name. Those that cannot be read are passed over.
 */
export class ClusterIndex {
  /** All clusters, those too that cannot be read. */
  readonly #clusters: Uint8Array[] = [];
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
    const count = countResources(snapshot).clusters;
    this.#sorts = new Uint8Array(count);
    this.#hashes = new Int32Array(count);
    this.#nameStarts = new Int32Array(count);
    this.#nameEnds = new Int32Array(count);
    this.#before = new Int32Array(count);
    this.#buckets = new Int32Array(2 ** Math.ceil(Math.log2(count + 1)));
    const words = wordsOf(snapshot.request);
    try {
      const { from, to } = listsOf(snapshot).clusters;
      for (let place = from; place < to; place++) {
        const resource = snapshot.resources[place];
        if (resource?.kind !== 'clusters') continue;
        snapshot.budget?.spend(resource.value.length);
        this.#add(resource, words);
      }
    } finally {
      releaseSpareReaders();
    }
  }

  /** Whether these are the clusters of a snapshot: the same buffers in the same order. */
  isOf(snapshot: Snapshot): boolean {
    let cluster = 0;
    const { from, to } = listsOf(snapshot).clusters;
    for (let place = from; place < to; place++) {
      const resource = snapshot.resources[place];
      if (resource?.kind !== 'clusters') continue;
      if (resource.value !== this.#clusters[cluster++]) return false;
    }
    return cluster === this.#clusters.length;
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
      const cluster = this.#clusters[place];
      if (cluster === undefined || this.#hashes[place] !== hash) continue;
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
      const cluster = this.#clusters[place];
      const isListing = this.#sorts[place] === sorts.listing;
      if (cluster === undefined || !isListing || this.#hashes[place] !== hash) continue;
      if (isSo(cluster, context)) return true;
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

  #add({ value, end }: Resource, words: DataView): void {
    const number = this.#clusters.push(value);
    const isUsual = end !== undefined && scanner.scanUsual(words, end - value.length, end);
    if (!isUsual && !scanner.scan(value)) return;
    const place = number - 1;
    const bucket = this.#bucketOf(scanner.name);
    this.#sorts[place] = scanner.isEds ? sorts.eds : sorts.listing;
    this.#hashes[place] = scanner.name;
    this.#nameStarts[place] = scanner.nameFrom;
    this.#nameEnds[place] = scanner.nameTo;
    this.#before[place] = this.#buckets[bucket] ?? 0;
    this.#buckets[bucket] = number;
  }
}
