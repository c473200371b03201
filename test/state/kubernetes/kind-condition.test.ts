import { describe, expect, it } from 'vitest';
import { ApiServerError } from '../../../src/state/kubernetes/api-transport.ts';
import {
  conditionAfterFailure,
  type Failure,
  type KindCondition,
  pauseAfter,
} from '../../../src/state/kubernetes/kind-condition.ts';

const waiting: KindCondition = { state: 'waiting', reason: undefined };
const watching: KindCondition = { state: 'watching' };
const absent: KindCondition = { state: 'absent' };
const stale: KindCondition = { state: 'stale', reason: 'before', since: 1_000 };
const forbidden: KindCondition = { state: 'forbidden', reason: 'before' };

/** What follows a failure `afterMs` after the first in a row, at 100,000 ms. */
function conditionAfter(
  before: KindCondition,
  status: number | undefined,
  { afterMs = 0, hasObjects = true }: { afterMs?: number; hasObjects?: boolean } = {},
): KindCondition {
  const now = 100_000;
  const error = new ApiServerError('reason', status);
  const failure: Failure = { error, now, failingSince: now - afterMs, hasObjects };
  return conditionAfterFailure(before, failure);
}

describe('the condition of a kind', () => {
  it.each([
    ['no answer', undefined],
    ['a server error', 503],
    ['too many requests', 429],
  ])('after %s is waiting at first, and stale once it was known', (_what, status) => {
    expect(conditionAfter(waiting, status)).toEqual({ state: 'waiting', reason: 'reason' });
    expect(conditionAfter(watching, status)).toEqual({
      state: 'stale',
      reason: 'reason',
      since: 100_000,
    });
    expect(conditionAfter(absent, status)).toEqual({
      state: 'stale',
      reason: 'reason',
      since: 100_000,
    });
  });

  it('remembers since when it is stale', () => {
    expect(conditionAfter(stale, 503)).toEqual({ state: 'stale', reason: 'reason', since: 1_000 });
  });

  it.each([401, 403])('is forbidden when it was never known and %i lasts', (status) => {
    expect(conditionAfter(waiting, status)).toEqual({ state: 'waiting', reason: 'reason' });
    expect(conditionAfter(waiting, status, { afterMs: 2_999 })).toMatchObject({ state: 'waiting' });
    expect(conditionAfter(waiting, status, { afterMs: 3_000 })).toEqual({
      state: 'forbidden',
      reason: 'reason',
    });
  });

  it.each([401, 403])('keeps what was known through %i', (status) => {
    expect(conditionAfter(watching, status, { afterMs: 60_000 })).toMatchObject({ state: 'stale' });
    expect(conditionAfter(stale, status, { afterMs: 60_000 })).toMatchObject({ state: 'stale' });
  });

  it('is forbidden at once when nothing was known but that it was absent', () => {
    expect(conditionAfter(absent, 403, { hasObjects: false })).toMatchObject({
      state: 'forbidden',
    });
  });

  it('stays forbidden while the API server is away', () => {
    expect(conditionAfter(forbidden, undefined)).toBe(forbidden);
  });

  it('is absent when there is no such kind', () => {
    for (const before of [waiting, watching, stale, forbidden, absent]) {
      expect(conditionAfter(before, 404, { hasObjects: false })).toEqual(absent);
    }
  });

  it('does not believe for a while that a kind with objects is gone', () => {
    expect(conditionAfter(watching, 404)).toMatchObject({ state: 'stale' });
    expect(conditionAfter(stale, 404, { afterMs: 9_999 })).toMatchObject({
      state: 'stale',
      since: 1_000,
    });
    expect(conditionAfter(stale, 404, { afterMs: 10_000 })).toEqual(absent);
  });
});

describe('the pause after failures', () => {
  it('begins at 0.2 s, doubles, and ends at 10 s', () => {
    const pauses = [1, 2, 3, 6, 7, 50].map((failures) => pauseAfter(failures, stale, 1));
    expect(pauses).toEqual([200, 400, 800, 6_400, 10_000, 10_000]);
  });

  it('is spread over half of that', () => {
    expect(pauseAfter(1, stale, 0)).toBe(100);
    expect(pauseAfter(50, stale, 0)).toBe(5_000);
  });

  it('is 10 s at most while a kind is absent, from the first time', () => {
    expect(pauseAfter(1, absent, 1)).toBe(10_000);
    expect(pauseAfter(1, absent, 0)).toBe(5_000);
  });
});
