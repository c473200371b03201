import { describe, expect, it } from 'vitest';
import {
  type CorrectableSplit,
  findCorrection,
} from '../../../src/rewrites/empty-backends/decided-split.ts';
import type { BackendRef, BackendRefVerdict } from '../../../src/state/backend-refs.ts';
import { leftOutCluster } from '../../../src/xds/names.ts';

const rule = { kind: 'httproute', namespace: 'shop', name: 'cart', rule: 2 };
const place = { kind: 'routes', resource: 'shop/eg/http', virtualHost: 'v', route: 'r' } as const;
const cluster = (backend: number): string => `httproute/shop/cart/rule/2/backend/${backend}`;
const good = { cluster: cluster(0), weight: 60, backend: 0, usable: true };
const leftOut = (weight: number) => ({
  cluster: leftOutCluster,
  weight,
  backend: undefined,
  usable: true,
});

/** BackendRefs with the weights 60, 30 and 10. */
function refs(...verdicts: readonly BackendRefVerdict[]): BackendRef[] {
  return verdicts.map((verdict, backend) => ({
    backend,
    weight: [60, 30, 10][backend] ?? 0,
    verdict,
    detail: `it is ${verdict}`,
  }));
}

function split(given: Partial<CorrectableSplit>): CorrectableSplit {
  const entries = [good, leftOut(40)];
  const nothing = { refs: undefined, isLeftOutInvalid: false, clusterOf: () => undefined };
  return { rule, place, entries, ...nothing, ...given };
}

function correct(decided: CorrectableSplit, now: readonly BackendRef[] | undefined) {
  return findCorrection(decided, { forRule: () => now });
}

describe('a split that was decided on', () => {
  const known = split({ refs: refs('ready', 'empty', 'empty') });

  it('holds while the same is known', () => {
    expect(correct(known, refs('ready', 'empty', 'empty'))).toBeUndefined();
  });

  it('does not hold when an empty backendRef turns out to be invalid', () => {
    expect(correct(known, refs('ready', 'empty', 'invalid'))).toBe(
      'HTTPRoute shop/cart rule 2: backendRef 2 was empty, is invalid: it is invalid',
    );
  });

  it('does not hold when the left-out share was unknown and now is known', () => {
    expect(correct(split({}), refs('ready', 'empty', 'invalid'))).toContain(
      'backendRef 1 was unknown, is empty',
    );
  });

  it('does not hold when the weights disagreed because the route was older, and now agree', () => {
    const older = refs('ready', 'empty', 'empty').map((ref) => ({ ...ref, weight: 1 }));
    expect(correct(split({ refs: older }), refs('ready', 'empty', 'empty'))).toContain(
      'backendRef 1 was empty with weight 1, is empty with weight 30',
    );
  });

  it('does not hold when the endpoints of an entry of its own come or go', () => {
    const entries = [good, { ...good, cluster: cluster(1), weight: 30, backend: 1 }];
    const both = split({ entries, refs: refs('ready', 'ready') });
    expect(correct(both, refs('ready', 'unready'))).toContain('was ready, is unready');
    const one = split({ entries, refs: refs('ready', 'unready') });
    expect(correct(one, refs('ready', 'ready'))).toContain('was unready, is ready');
  });

  it('holds when nothing would become of the change', () => {
    expect(correct(known, refs('ready', 'unready', 'empty'))).toBeUndefined();
    const allInvalid = split({ refs: refs('ready', 'invalid', 'invalid') });
    // The weights disagree now, and the split stays as it is for that.
    expect(correct(allInvalid, refs('ready', 'ready', 'invalid'))).toBeUndefined();
  });

  it('is not judged while nothing is known: the route is gone, or may not be read', () => {
    expect(correct(known, undefined)).toBeUndefined();
  });

  it('finds the cluster of a custom backend again', () => {
    const custom = split({
      entries: [leftOut(30)],
      refs: refs('custom', 'empty'),
      clusterOf: (backend) => (backend === 0 ? cluster(0) : undefined),
    });
    expect(correct(custom, refs('custom', 'empty'))).toBeUndefined();
    expect(correct(custom, refs('custom', 'invalid'))).toContain('was empty, is invalid');
  });
});
