import type { BackendRef, BackendRefLookup, RuleKey } from '../../state/backend-refs.ts';
import type { Place } from '../report.ts';
import { decideSplit, type Split, type SplitDecision } from './decide-split.ts';

/** A split that was decided on, and all that it takes to decide on it again. */
export interface DecidedSplit extends Split {
  readonly rule: RuleKey;
  readonly place: Place;
}

/**
 * What would be decided otherwise by what is known of the split's backendRefs now, in words:
 * `HTTPRoute shop/cart rule 0: backendRef 1 was empty, is invalid: …`; undefined when the same would
 * become of the split, or when nothing is known of it.
 */
export function findCorrection(split: DecidedSplit, backendRefs: BackendRefLookup) {
  const refs = backendRefs.forRule(split.rule);
  if (refs === undefined) return undefined;
  if (effectOf(decideSplit(split)) === effectOf(decideSplit({ ...split, refs }))) return undefined;
  return `${titleOf(split.rule)}: ${differences(split.refs, refs).join('; ')}`;
}

/** What a decision does to a split: equal text, equal bytes. */
function effectOf(decision: SplitDecision): string {
  if (decision.kind !== 'rebalanced') return '';
  const { dropped, leftOutWeight, added } = decision;
  return JSON.stringify([[...dropped].sort(), leftOutWeight, added]);
}

function titleOf({ kind, namespace, name, rule }: RuleKey): string {
  const spelled = kind.toLowerCase() === 'grpcroute' ? 'GRPCRoute' : 'HTTPRoute';
  return `${spelled} ${namespace}/${name} rule ${rule}`;
}

function differences(
  before: readonly BackendRef[] | undefined,
  now: readonly BackendRef[],
): string[] {
  const was = new Map(before?.map((ref) => [ref.backend, ref]));
  const changed = now.filter(({ backend, verdict, weight }) => {
    const known = was.get(backend);
    return known?.verdict !== verdict || known.weight !== weight;
  });
  const gone = (before ?? [])
    .slice(now.length)
    .map(({ backend }) => `backendRef ${backend} is gone`);
  return [...changed.map((ref) => describe(was.get(ref.backend), ref)), ...gone];
}

function describe(was: BackendRef | undefined, now: BackendRef): string {
  const before = was === undefined ? 'unknown' : inWords(was, was.weight !== now.weight);
  const after = inWords(now, was !== undefined && was.weight !== now.weight);
  return `backendRef ${now.backend} was ${before}, is ${after}: ${now.detail}`;
}

function inWords({ verdict, weight }: BackendRef, withWeight: boolean): string {
  return withWeight ? `${verdict} with weight ${weight}` : verdict;
}
