import type { BackendRef, BackendRefVerdict } from '../../state/backend-refs.ts';
import { leftOutCluster } from '../../xds/names.ts';
import type { Place, Skip } from '../report.ts';
import { type SplitDecision, type SplitEntry, unresolvedOf, whyLeftOut } from './decide-split.ts';
import type { DecidedSplit } from './decided-split.ts';
import type { DecidedMode } from './mode.ts';

/**
 * What became of one backendRef of a split. `stays`: it has its weight, as before. `gains`: it has a
 * part of what those had that leave. `joins`: it gets an entry, which Envoy Gateway gave it not.
 */
export type BackendFate = 'stays' | 'leaves' | 'gains' | 'joins';

/** One backendRef of a weighted route: what it is taken for, why, and what became of it. */
export interface BackendVerdict {
  /** Its index in the rule; absent for an entry that may stand for several. */
  readonly backend?: number;
  readonly weight: number;
  readonly verdict: BackendRefVerdict;
  readonly fate: BackendFate;
  readonly detail: string;
}

/** What was decided about one weighted route, and by which policy. */
export interface SplitVerdict {
  readonly place: Place;
  readonly decided: DecidedMode;
  readonly backends: readonly BackendVerdict[];
  /** Why something of it could not be decided, and stays. */
  readonly unresolved?: Pick<Skip, 'reason' | 'detail'>;
}

/** What was decided about each backendRef of a split, for people. Decides nothing itself. */
export function describeSplit(split: DecidedSplit): SplitVerdict {
  const { place, decided, entries, refs, decision } = split;
  const known = new Set(refs?.map(({ backend }) => backend));
  const unknown = entries.filter(
    ({ backend }) => refs === undefined || (backend !== undefined && !known.has(backend)),
  );
  const backends = [
    ...(refs ?? []).map((ref) => describeRef(ref, split)),
    ...unknown.map((entry) => describeEntry(entry, split)),
  ].sort((one, other) => (one.backend ?? Infinity) - (other.backend ?? Infinity));
  const unresolved = unresolvedOf(decision);
  if (unresolved === undefined) return { place, decided, backends };
  const { reason, detail } = unresolved;
  return { place, decided, backends, unresolved: { reason, detail } };
}

function describeRef(ref: BackendRef, split: DecidedSplit): BackendVerdict {
  const { entries, decision } = split;
  const { backend, weight } = ref;
  const fate = fateOf(ref, decision);
  const entry = entries.find((one) => one.backend === backend);
  // The endpoints in the snapshot, or those told, count whatever the state says.
  const counted = entry && countedVerdict(entry);
  if (counted !== undefined && countable.includes(ref.verdict)) {
    return { backend, weight, fate, ...counted };
  }
  if (ref.verdict === 'valid' && fate === 'leaves') {
    return { backend, weight, fate, verdict: 'empty', detail: whyLeftOut(ref) };
  }
  if (isRefused(ref, split)) {
    const detail = `${ref.detail}, but Envoy Gateway takes it for invalid`;
    return { backend, weight, fate, verdict: 'invalid', detail };
  }
  return { backend, weight, fate, verdict: ref.verdict, detail: ref.detail };
}

/** Whether it is one of those that Envoy Gateway left out and answers with 500. */
function isRefused({ backend, weight, verdict }: BackendRef, split: DecidedSplit): boolean {
  if (!split.isLeftOutInvalid || weight === 0) return false;
  if (verdict === 'invalid' || verdict === 'custom' || verdict === 'dynamic') return false;
  const others = split.entries.filter(({ cluster }) => cluster !== leftOutCluster);
  const isLeftOut = others.length < split.entries.length;
  return isLeftOut && others.every((one) => one.backend !== undefined && one.backend !== backend);
}

const countable: readonly BackendRefVerdict[] = ['ready', 'unready', 'valid'];

/** What the endpoints of an entry's cluster say themselves; undefined when nobody was asked. */
function countedVerdict({ cluster, usable, isTold = false }: SplitEntry) {
  if (usable === false) {
    return { verdict: 'unready', detail: `${cluster} has no usable endpoint` } as const;
  }
  if (!isTold) return undefined;
  return usable
    ? ({ verdict: 'ready', detail: `Envoy Gateway says which endpoints ${cluster} has` } as const)
    : ({ verdict: 'unresolved', detail: `nothing came of the endpoints of ${cluster}` } as const);
}

/** An entry of whose backendRef no state source tells anything. */
function describeEntry(
  entry: SplitEntry,
  { decision, isLeftOutInvalid }: DecidedSplit,
): BackendVerdict {
  const { backend, weight, cluster } = entry;
  const fate = fateOf(entry, decision);
  const counted = countedVerdict(entry);
  if (counted !== undefined) {
    const index = backend === undefined ? {} : { backend };
    return { ...index, weight, fate, ...counted };
  }
  if (cluster === leftOutCluster && isLeftOutInvalid) {
    return { weight, fate, verdict: 'invalid', detail: 'left out by Envoy Gateway as invalid' };
  }
  if (cluster === leftOutCluster) {
    const detail = 'left out by Envoy Gateway: empty or invalid, which of them nothing tells';
    return { weight, fate, verdict: 'unresolved', detail };
  }
  if (backend === undefined) {
    const detail = `${cluster || 'chosen by a request header'} may stand for several backendRefs`;
    return { weight, fate, verdict: 'unresolved', detail };
  }
  const detail = `nothing tells of its endpoints; Envoy Gateway has ${cluster} in the split`;
  return { backend, weight, fate, verdict: 'unresolved', detail };
}

function fateOf(
  { backend, weight, ...rest }: BackendRef | SplitEntry,
  decision: SplitDecision,
): BackendFate {
  if (decision.kind !== 'rebalanced' || weight === 0) return 'stays';
  if (backend !== undefined && decision.leaving.has(backend)) return 'leaves';
  if (decision.added.some((entry) => entry.backend === backend)) return 'joins';
  const isLeftOut = 'cluster' in rest && rest.cluster === leftOutCluster;
  // Of one that is invalid the share of 500s stays, and with fewer beside it weighs more.
  return isLeftOut || ('verdict' in rest && rest.verdict === 'invalid') ? 'stays' : 'gains';
}
