import type { BackendRef, BackendRefLookup, RuleKey } from '../../state/backend-refs.ts';
import type { Place } from '../report.ts';
import { decideSplit, type Split, type SplitDecision } from './decide-split.ts';
import type { DecidedMode } from './mode.ts';

/** A split, and what was decided on it. */
export interface DecidedSplit extends Split {
  /** Undefined when the route's name does not tell it. */
  readonly rule: RuleKey | undefined;
  readonly place: Place;
  /** What the policies say, and which of them. */
  readonly decided: DecidedMode;
  readonly decision: SplitDecision;
  /** Its form is such that nothing can leave it, whatever the state says. */
  readonly isFixed: boolean;
}

/** A split of which another state can make something else, and all it takes to decide again. */
export interface CorrectableSplit extends Split {
  readonly rule: RuleKey;
  readonly place: Place;
}

/** Whether another state could make something else of it. */
export function isCorrectable(split: DecidedSplit): split is DecidedSplit & CorrectableSplit {
  return split.rule !== undefined && !split.isFixed && split.decided.mode === 'Rebalance';
}

/**
 * What would be decided otherwise by what is known of the split's backendRefs now, in words:
 * `HTTPRoute shop/cart rule 0: backendRef 1 was empty, is invalid: …`; undefined when the same would
 * become of the split, or when nothing is known of it.
 */
export function findCorrection(split: CorrectableSplit, backendRefs: BackendRefLookup) {
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
