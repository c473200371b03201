import type { ApiServerError } from './api-transport.ts';

/** How well a kind of object is known. */
export type KindCondition =
  /** Not read yet. */
  | { readonly state: 'waiting'; readonly reason: string | undefined }
  /** Known, and changes come as they happen. */
  | { readonly state: 'watching' }
  /** Known as it was at `since` (milliseconds of performance.now()). */
  | { readonly state: 'stale'; readonly reason: string; readonly since: number }
  /** There is no such kind in the cluster: known to have no objects. */
  | { readonly state: 'absent' }
  /** RBAC forbids it, or the credentials are refused: not known. */
  | { readonly state: 'forbidden'; readonly reason: string };

/** Names of all conditions, for the metric. */
export const kindStates = ['waiting', 'watching', 'stale', 'absent', 'forbidden'] as const;

/** Milliseconds that a refusal must last at first: an API server that starts refuses too. */
const confirmRefusal = 3_000;

/** Milliseconds that a kind with objects must be gone before they are believed to be. */
const confirmAbsence = 10_000;

/** What is known when a request fails. */
export interface Failure {
  readonly error: ApiServerError;
  readonly now: number;
  /** Since when every request failed. */
  readonly failingSince: number;
  readonly hasObjects: boolean;
}

/**
 * The condition after a failure. What was known once stays in use, whatever the API server says
 * then: a state that is a little old is a better answer than none.
 */
export function conditionAfterFailure(before: KindCondition, failure: Failure): KindCondition {
  const { error, now, failingSince, hasObjects } = failure;
  const { status, message: reason } = error;
  const isKnown = before.state === 'watching' || before.state === 'stale';
  const stale = (): KindCondition => ({
    state: 'stale',
    reason,
    since: before.state === 'stale' ? before.since : now,
  });
  if (status === 404) {
    return hasObjects && now - failingSince < confirmAbsence ? stale() : { state: 'absent' };
  }
  if (isKnown) return stale();
  if (status === 401 || status === 403) {
    const isSure = before.state !== 'waiting' || now - failingSince >= confirmRefusal;
    return isSure ? { state: 'forbidden', reason } : { state: 'waiting', reason };
  }
  if (before.state === 'absent') return stale();
  return before.state === 'forbidden' ? before : { state: 'waiting', reason };
}

/** Milliseconds: the first and the longest pause between attempts, and one for a kind to appear. */
const pauses = { first: 200, longest: 10_000, untilAbsentAppears: 10_000 };

/** Milliseconds to pause after so many failures in a row; spread, so that replicas do not meet. */
export function pauseAfter(failures: number, { state }: KindCondition, random: number): number {
  const pause =
    state === 'absent'
      ? pauses.untilAbsentAppears
      : Math.min(pauses.first * 2 ** (failures - 1), pauses.longest);
  return pause * (0.5 + random / 2);
}
