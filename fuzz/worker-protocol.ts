/** What a worker is told to do: every `step`th case from `first` on. */
export interface Assignment {
  readonly seed: string;
  readonly first: number;
  readonly step: number;
  /** Where to stop; undefined: never. */
  readonly end: number | undefined;
  /** The checkout's `test`, and other folders with captures. */
  readonly test: string;
  readonly captures: readonly string[];
  /** The number of the case that is being tried, and when that began (ms of `Date.now()`). */
  readonly clock: Float64Array;
}

/** Nothing is being tried. */
export const idle = -1;

/** What cases came to, added up. */
export interface Tally {
  cases: number;
  refused: number;
  kept: number;
  rewritten: number;
  /** Changed resources that the official protos decode. */
  decoded: number;
  slowest: { ms: number; id: string };
}

/** Something is wrong with a case. */
export interface Finding {
  readonly id: string;
  readonly original: string;
  readonly problem: string;
}

/** What a worker says. */
export type FromWorker =
  | { readonly kind: 'tally'; readonly tally: Tally }
  | { readonly kind: 'finding'; readonly finding: Finding }
  | { readonly kind: 'done' };

export function newTally(): Tally {
  const counts = { cases: 0, refused: 0, kept: 0, rewritten: 0, decoded: 0 };
  return { ...counts, slowest: { ms: 0, id: '' } };
}

/** Adds one tally to another. */
export function addUp(to: Tally, from: Tally): void {
  to.cases += from.cases;
  to.refused += from.refused;
  to.kept += from.kept;
  to.rewritten += from.rewritten;
  to.decoded += from.decoded;
  if (from.slowest.ms > to.slowest.ms) to.slowest = from.slowest;
}
