import type { BackendRef } from '../../state/backend-refs.ts';
import { leftOutCluster } from '../../xds/names.ts';
import type { SkipReason } from '../report.ts';

/** One entry of a split, as Envoy Gateway made it. */
export interface SplitEntry {
  readonly cluster: string;
  readonly weight: number;
  /** The backendRef whose own cluster it is; undefined when it may stand for several. */
  readonly backend: number | undefined;
  /**
   * False when its endpoints are in the snapshot, or were told, and none of them takes requests;
   * undefined when they should have been told and were not.
   */
  readonly usable: boolean | undefined;
  /** Whether Envoy Gateway itself is asked: what else is known of its backendRef does not count. */
  readonly isTold?: boolean;
}

/** Everything that decides about one split. */
export interface Split {
  readonly entries: readonly SplitEntry[];
  /** What is known of the rule's backendRefs; undefined when nothing is. */
  readonly refs: readonly BackendRef[] | undefined;
  /**
   * Envoy Gateway answers the left-out entry's share with 500: it does so when all of what it left
   * out is invalid, whatever else is known of it.
   */
  readonly isLeftOutInvalid: boolean;
  /** The cluster of a backendRef of the rule, when the snapshot has it. */
  readonly clusterOf: (backend: number) => string | undefined;
}

/** What a split becomes. */
export type SplitDecision = { readonly kind: 'unchanged' } | Rebalanced | Unresolved;

/** What of a split could not be decided. */
export function unresolvedOf(decision: SplitDecision): Unresolved | undefined {
  if (decision.kind === 'unresolved') return decision;
  return decision.kind === 'rebalanced' ? decision.unresolved : undefined;
}

/** Something of a split could not be decided, and stays as it is. */
export interface Unresolved {
  readonly kind: 'unresolved';
  readonly reason: SkipReason;
  readonly detail: string;
}

/** An entry for a custom backend's cluster. */
export interface AddedEntry {
  readonly backend: number;
  readonly cluster: string;
  readonly weight: number;
}

/** Empty backendRefs leave; what stays has the requests in its relative weights. */
export interface Rebalanced {
  readonly kind: 'rebalanced';
  /** Clusters of the entries that go. */
  readonly dropped: ReadonlySet<string>;
  /**
   * The weight of the left-out entry when it stays for its invalid backendRefs alone, whose requests
   * get 500; undefined when it goes or stays as it is.
   */
  readonly leftOutWeight?: number;
  /** Entries for custom backends, to which Envoy Gateway gives no share of a split. */
  readonly added: readonly AddedEntry[];
  /** The backendRefs that leave, by their index. */
  readonly leaving: ReadonlySet<number | undefined>;
  /** Each backendRef that left, and why, for people. */
  readonly details: readonly string[];
  /** What stays as it is for want of knowledge. */
  readonly unresolved: Unresolved | undefined;
}

/** Nothing happens to the split. */
export const unchanged: SplitDecision = { kind: 'unchanged' };

/** Decides what a split becomes when its empty backendRefs leave it. */
export function decideSplit(split: Split): SplitDecision {
  const { entries, refs, clusterOf } = split;
  const weighty = entries.filter(isWeighty);
  const untold = weighty.find(isUntold);
  if (untold !== undefined) return endpointsUnknown(untold);
  const dead = weighty.filter((entry) => !entry.usable || isDrained(entry, refs));
  const share = divideLeftOut(sumOfWeights(entries.filter(isLeftOut)), split);
  const leaving = share.kind === 'divided' ? share.empty : [];
  const customRefs = share.kind === 'divided' && leaving.length > 0 ? share.custom : [];
  const added = customEntries(customRefs, clusterOf);
  if (added.length < customRefs.length) return noCustomCluster;
  if (dead.length === weighty.length && added.length === 0) return unchanged;
  const unresolved = share.kind === 'unresolved' ? share : undefined;
  if (dead.length === 0 && leaving.length === 0) return unresolved ?? unchanged;
  const dropped = new Set(dead.map(({ cluster }) => cluster));
  const details = [...dead.map((entry) => whyDead(entry, refs)), ...leaving.map(whyLeftOut)];
  const gone = new Set([...dead, ...leaving].map(({ backend }) => backend));
  const decision = {
    kind: 'rebalanced',
    dropped,
    leaving: gone,
    added,
    details,
    unresolved,
  } as const;
  if (leaving.length === 0 || share.kind !== 'divided') return decision;
  const invalidWeight = sumOfWeights(share.invalid);
  if (invalidWeight > 0) return { ...decision, leftOutWeight: invalidWeight };
  dropped.add(leftOutCluster);
  return decision;
}

/** Whether it is Envoy Gateway’s entry for the backendRefs that it left out. */
export function isLeftOut({ cluster }: SplitEntry): boolean {
  return cluster === leftOutCluster;
}

function isWeighty(entry: SplitEntry): boolean {
  return entry.weight > 0 && !isLeftOut(entry);
}

function isUntold({ usable }: SplitEntry): boolean {
  return usable === undefined;
}

const noCustomCluster: Unresolved = {
  kind: 'unresolved',
  reason: 'custom-cluster-missing',
  detail: 'a custom backend of the rule has no cluster in the snapshot that could take its share',
};

function endpointsUnknown({ cluster }: SplitEntry): Unresolved {
  return {
    kind: 'unresolved',
    reason: 'endpoints-unknown',
    detail:
      `Envoy Gateway did not say which endpoints ${cluster} has: it does when Endpoints is in ` +
      'extensionManager.hooks.xdsTranslator.post',
  };
}

/** What the left-out entry's weight is made of. */
type LeftOutShare =
  | {
      readonly kind: 'divided';
      readonly empty: readonly BackendRef[];
      readonly invalid: readonly BackendRef[];
      readonly custom: readonly BackendRef[];
    }
  | Unresolved;

/** Divides the left-out entry's weight among the backendRefs that have no entry of their own. */
function divideLeftOut(weight: number, { entries, refs, isLeftOutInvalid }: Split): LeftOutShare {
  if (weight === 0 || isLeftOutInvalid)
    return { kind: 'divided', empty: [], invalid: [], custom: [] };
  if (refs === undefined) {
    return {
      kind: 'unresolved',
      reason: 'backend-refs-unknown',
      detail:
        'no state source tells which of the backendRefs left out are empty and which invalid: ' +
        'configure state.kubernetes, or state backendRefs in the state file; with Kubernetes, ' +
        '/readyz?verbose says what may not be read',
    };
  }
  const others = entries.filter((entry) => !isLeftOut(entry));
  const own = new Set(others.map(({ backend }) => backend));
  // Refs that share one cluster are not left out, even when none of their endpoints is ready.
  const isMerged = others.some(({ backend }) => backend === undefined);
  const left = refs.filter(({ backend, weight: its }) => its > 0 && !own.has(backend));
  const of = (...verdicts: readonly BackendRef['verdict'][]): BackendRef[] =>
    left.filter(({ verdict }) => verdicts.includes(verdict));
  const [untold] = of('unresolved');
  if (untold !== undefined) {
    return { kind: 'unresolved', reason: 'backend-refs-unknown', detail: untold.detail };
  }
  const empty = isMerged ? of('empty') : of('empty', 'unready', 'valid');
  const invalid = of('invalid');
  const custom = of('custom');
  const known = sumOfWeights(empty) + sumOfWeights(invalid);
  if (weight === sumOfWeights(invalid)) return { kind: 'divided', empty: [], invalid, custom: [] };
  if (weight === known) return { kind: 'divided', empty, invalid, custom };
  // Envoy Gateway leaves out a custom backend only when its object, or its kind, is not there.
  if (weight === known + sumOfWeights(custom)) {
    return { kind: 'divided', empty, invalid: [...invalid, ...custom], custom: [] };
  }
  return {
    kind: 'unresolved',
    reason: 'weights-disagree',
    detail:
      `the backendRefs left out weigh ${weight} in the snapshot, but those known to be empty or ` +
      `invalid weigh ${known}`,
  };
}

function customEntries(refs: readonly BackendRef[], clusterOf: Split['clusterOf']): AddedEntry[] {
  return refs.flatMap(({ backend, weight }) => {
    const cluster = clusterOf(backend);
    return cluster === undefined ? [] : [{ backend, cluster, weight }];
  });
}

function refOf(
  { backend }: SplitEntry,
  refs: readonly BackendRef[] | undefined,
): BackendRef | undefined {
  return backend === undefined ? undefined : refs?.find((ref) => ref.backend === backend);
}

/** Whether an entry's own backendRef has nothing that takes requests, by what is known of it. */
function isDrained(entry: SplitEntry, refs: readonly BackendRef[] | undefined): boolean {
  if (entry.isTold) return false;
  const verdict = refOf(entry, refs)?.verdict;
  return verdict === 'empty' || verdict === 'unready';
}

function whyDead(entry: SplitEntry, refs: readonly BackendRef[] | undefined): string {
  if (!entry.usable) return `${entry.cluster} has no usable endpoint`;
  return refOf(entry, refs)?.detail ?? entry.cluster;
}

/** Why a backendRef without an entry leaves, for people. */
export function whyLeftOut({ verdict, detail }: BackendRef): string {
  return verdict === 'valid' ? `${detail}, and was left out for want of endpoints` : detail;
}

function sumOfWeights(all: readonly { readonly weight: number }[]): number {
  return all.reduce((sum, { weight }) => sum + weight, 0);
}
