import { assignsUsableEndpoint, readAssignedCluster } from '../xds/endpoints.ts';
import { fields } from '../xds/fields.ts';
import { MalformedMessageError } from '../xds/malformed.ts';
import { valuesOf } from '../xds/wire.ts';
import { type AssignmentLookup, noAssignments } from './assignments.ts';

/** Envoy Gateways, by their connections, of which something is remembered at the same time. */
const maxCallers = 32;
/** Clusters of one snapshot that are remembered; of more nothing is known, so none of them leaves. */
const maxClusters = 100_000;
/** Milliseconds after which a translation that went silent is given up. */
const maxSilenceMs = 60_000;

/** What one caller has said since its last snapshot was answered. */
interface Told {
  clusters: Map<string, boolean>;
  /** A call reads `clusters` now: what is said meanwhile goes into a copy. */
  isLent: boolean;
  at: number;
}

/**
 * What Envoy Gateways said through PostEndpointsModify, until the PostTranslateModify call that it
 * belongs to is answered. One Envoy Gateway translates one snapshot after the other over one
 * connection, so a connection tells whose clusters are meant; names are the same in many snapshots.
 */
export class ToldAssignments {
  readonly #callers = new Map<string, Told>();
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Remembers what a PostEndpointsModify request says. What cannot be read says nothing. */
  hear(caller: string, request: Uint8Array): void {
    const { cluster, isUsable } = readRequest(request) ?? {};
    if (cluster === undefined) return;
    const told = this.#open(caller);
    if (told.isLent) {
      told.clusters = new Map(told.clusters);
      told.isLent = false;
    }
    const { clusters } = told;
    if (isUsable === undefined) clusters.delete(cluster);
    else if (clusters.size < maxClusters || clusters.has(cluster)) clusters.set(cluster, isUsable);
  }

  /** What the caller has said for the snapshot that it sends now; what it says later does not change it. */
  saidBy(caller: string): AssignmentLookup {
    const told = this.#callers.get(caller);
    if (told === undefined || this.#isGivenUp(told)) return noAssignments;
    told.isLent = true;
    const { clusters } = told;
    return { isUsable: (cluster) => clusters.get(cluster) };
  }

  /** Forgets what the caller has said: its snapshot was answered, and what follows is another's. */
  forget(caller: string): void {
    this.#callers.delete(caller);
  }

  /** How many clusters are remembered, of all callers. */
  get size(): number {
    return [...this.#callers.values()].reduce((sum, { clusters }) => sum + clusters.size, 0);
  }

  #open(caller: string): Told {
    const at = this.#now();
    const before = this.#callers.get(caller);
    if (before !== undefined && !this.#isGivenUp(before)) {
      before.at = at;
      return before;
    }
    this.#callers.delete(caller);
    const [longestAgo] = this.#callers.keys();
    if (longestAgo !== undefined && this.#callers.size >= maxCallers) this.forget(longestAgo);
    const told = { clusters: new Map<string, boolean>(), isLent: false, at };
    this.#callers.set(caller, told);
    return told;
  }

  #isGivenUp({ at }: Told): boolean {
    return this.#now() - at > maxSilenceMs;
  }
}

function readRequest(request: Uint8Array) {
  try {
    const assignments = valuesOf(request, fields.PostEndpointsModifyRequest.load_assignment);
    const [assignment] = assignments;
    // Decoders would merge several: what comes of them is not ours to guess.
    if (assignment === undefined || assignments.length > 1) return undefined;
    return {
      cluster: readAssignedCluster(assignment),
      isUsable: assignsUsableEndpoint(assignment),
    };
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
    return undefined;
  }
}
