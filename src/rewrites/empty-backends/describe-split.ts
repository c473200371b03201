import type { BackendRef } from '../../state/backend-refs.ts';
import { leftOutCluster } from '../../xds/names.ts';
import type { BackendFate, BackendVerdict, SplitVerdict } from '../report.ts';
import type { Split, SplitDecision, SplitEntry, Unresolved } from './decide-split.ts';

/** What was decided about each backendRef of a split, for people. Decides nothing itself. */
export function describeSplit(
  { entries, refs }: Split,
  decision: SplitDecision,
): Pick<SplitVerdict, 'backends' | 'unresolved'> {
  const known = new Set(refs?.map(({ backend }) => backend));
  const unknown = entries.filter(
    ({ backend }) => refs === undefined || (backend !== undefined && !known.has(backend)),
  );
  const backends = [
    ...(refs ?? []).map((ref) => describeRef(ref, entries, decision)),
    ...unknown.map((entry) => describeEntry(entry, decision)),
  ].sort((one, other) => (one.backend ?? Infinity) - (other.backend ?? Infinity));
  const unresolved = unresolvedOf(decision);
  if (unresolved === undefined) return { backends };
  const { reason, detail } = unresolved;
  return { backends, unresolved: { reason, detail } };
}

/** What of a split could not be decided. */
export function unresolvedOf(decision: SplitDecision): Unresolved | undefined {
  if (decision.kind === 'unresolved') return decision;
  return decision.kind === 'rebalanced' ? decision.unresolved : undefined;
}

function describeRef(
  ref: BackendRef,
  entries: readonly SplitEntry[],
  decision: SplitDecision,
): BackendVerdict {
  const { backend, weight } = ref;
  const fate = fateOf(ref, decision);
  const entry = entries.find((one) => one.backend === backend);
  // The endpoints in the snapshot count, whatever the state says.
  if (entry?.usable === false && (ref.verdict === 'ready' || ref.verdict === 'unready')) {
    return { backend, weight, fate, verdict: 'unready', detail: noUsableEndpoint(entry) };
  }
  return { backend, weight, fate, verdict: ref.verdict, detail: ref.detail };
}

/** An entry of whose backendRef no state source tells anything. */
function describeEntry(entry: SplitEntry, decision: SplitDecision): BackendVerdict {
  const { backend, weight, usable, cluster } = entry;
  const fate = fateOf(entry, decision);
  if (!usable) {
    const index = backend === undefined ? {} : { backend };
    return { ...index, weight, fate, verdict: 'unready', detail: noUsableEndpoint(entry) };
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

function noUsableEndpoint({ cluster }: SplitEntry): string {
  return `${cluster} has no usable endpoint`;
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
