import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decideSplit,
  type SplitDecision,
  type SplitEntry,
} from '../../../src/rewrites/empty-backends/decide-split.ts';
import type { BackendRef, BackendRefVerdict } from '../../../src/state/backend-refs.ts';
import { leftOutCluster } from '../../../src/xds/names.ts';

const cluster = (backend: number): string => `httproute/default/shop/rule/0/backend/${backend}`;
const own = (backend: number, weight: number, usable = true): SplitEntry => ({
  cluster: cluster(backend),
  weight,
  backend,
  usable,
});
const leftOut = (weight: number): SplitEntry => ({
  cluster: leftOutCluster,
  weight,
  backend: undefined,
  usable: true,
});
const ref = (backend: number, weight: number, verdict: BackendRefVerdict): BackendRef => ({
  backend,
  weight,
  verdict,
  detail: `${backend} is ${verdict}`,
});

function decide(
  entries: readonly SplitEntry[],
  refs?: readonly BackendRef[],
  custom: readonly number[] = [],
): SplitDecision {
  const clusterOf = (backend: number) => (custom.includes(backend) ? cluster(backend) : undefined);
  return decideSplit({ entries, refs, isLeftOutInvalid: false, clusterOf });
}

describe('a backendRef of which nothing tells', () => {
  it('leaves what was left out as it is, with its own reason, and other entries to leave', () => {
    const refs = [ref(0, 60, 'ready'), ref(1, 10, 'unready'), ref(2, 30, 'unresolved')];
    const reason = { reason: 'backend-refs-unknown', detail: '2 is unresolved' };
    expect(decide([own(0, 60), own(1, 0), leftOut(30)], refs)).toMatchObject(reason);
    expect(decide([own(0, 60), own(1, 10), leftOut(30)], refs)).toMatchObject({
      kind: 'rebalanced',
      dropped: new Set([cluster(1)]),
      unresolved: reason,
    });
  });

  it('does not matter where it has an entry of its own', () => {
    const refs = [ref(0, 60, 'unresolved'), ref(1, 40, 'empty')];
    expect(decide([own(0, 60), leftOut(40)], refs)).toMatchObject({
      dropped: new Set([leftOutCluster]),
    });
  });
});

describe('what was left out, in two entries', () => {
  it('is no good backendRef that the others could leave to', () => {
    const refs = [ref(0, 60, 'empty'), ref(1, 40, 'empty')];
    expect(decide([own(0, 60), leftOut(40), leftOut(40)], refs)).toEqual({ kind: 'unchanged' });
  });
});

describe('a custom backend beside an empty one', () => {
  const refs = [ref(0, 50, 'custom'), ref(1, 50, 'empty')];

  it('gets an entry for its cluster, with its weight', () => {
    expect(decide([leftOut(50)], refs, [0])).toMatchObject({
      kind: 'rebalanced',
      dropped: new Set([leftOutCluster]),
      added: [{ cluster: cluster(0), weight: 50 }],
      details: ['1 is empty'],
    });
  });

  it('is invalid when Envoy Gateway counts its weight as left out: it is not there', () => {
    expect(decide([leftOut(100)], refs, [0])).toEqual({ kind: 'unchanged' });
    const good = [own(2, 10), leftOut(100)];
    expect(decide(good, [...refs, ref(2, 10, 'ready')], [0])).toMatchObject({
      kind: 'rebalanced',
      leftOutWeight: 50,
      added: [],
    });
  });

  it('gets none when its own weight is 0', () => {
    const idle = [ref(0, 0, 'custom'), ref(1, 50, 'empty'), ref(2, 10, 'ready')];
    expect(decide([own(2, 10), leftOut(50)], idle, [0])).toMatchObject({
      kind: 'rebalanced',
      added: [],
    });
  });

  it('is reported when the snapshot has no cluster of it', () => {
    expect(decide([leftOut(50)], refs)).toMatchObject({
      kind: 'unresolved',
      reason: 'custom-cluster-missing',
    });
    const good = [own(2, 10), leftOut(50)];
    expect(decide(good, [...refs, ref(2, 10, 'ready')])).toMatchObject({ kind: 'unresolved' });
  });

  it('beside an invalid one alone, leaves the split as it is', () => {
    const invalid = [ref(0, 50, 'custom'), ref(1, 50, 'invalid')];
    expect(decide([leftOut(50)], invalid, [0])).toEqual({ kind: 'unchanged' });
    expect(decide([leftOut(100)], invalid, [0])).toEqual({ kind: 'unchanged' });
  });
});

describe('a backendRef that has endpoints, none of them ready', () => {
  it('counts as empty where it has no cluster of its own', () => {
    const refs = [ref(0, 60, 'ready'), ref(1, 40, 'unready')];
    expect(decide([own(0, 60), leftOut(40)], refs)).toMatchObject({
      dropped: new Set([leftOutCluster]),
    });
  });

  it('is not what was left out where others share a cluster with it', () => {
    const shared = { ...own(0, 50), cluster: 'httproute/default/shop/rule/0', backend: undefined };
    const refs = [ref(0, 30, 'ready'), ref(1, 20, 'unready'), ref(2, 40, 'empty')];
    expect(decide([shared, leftOut(40)], refs)).toMatchObject({
      dropped: new Set([leftOutCluster]),
      details: ['2 is empty'],
    });
  });
});

describe('a valid backendRef whose endpoints nobody counts', () => {
  const told = (backend: number, weight: number, usable: boolean) => ({
    ...own(backend, weight, usable),
    isTold: true,
  });

  it('is empty where it was left out', () => {
    const refs = [ref(0, 60, 'valid'), ref(1, 30, 'valid'), ref(2, 10, 'invalid')];
    expect(decide([told(0, 60, true), leftOut(40)], refs)).toMatchObject({
      dropped: new Set(),
      leftOutWeight: 10,
      details: ['1 is valid, and was left out for want of endpoints'],
    });
  });

  it('goes with a cluster of its own only when that is told to have no usable endpoint', () => {
    const refs = [ref(0, 60, 'valid'), ref(1, 40, 'valid')];
    expect(decide([told(0, 60, true), told(1, 40, true)], refs)).toEqual({ kind: 'unchanged' });
    expect(decide([told(0, 60, true), told(1, 40, false)], refs)).toMatchObject({
      dropped: new Set([cluster(1)]),
    });
  });

  it('is not what was left out where a cluster may stand for it', () => {
    const shared = { ...own(0, 60), cluster: 'service/default/shop/80', backend: undefined };
    const refs = [ref(0, 60, 'valid'), ref(1, 40, 'valid')];
    expect(decide([shared, leftOut(40)], refs)).toMatchObject({ reason: 'weights-disagree' });
  });
});

describe('whatever a split is made of', () => {
  const verdict = fc.constantFrom<BackendRefVerdict>(
    'ready',
    'empty',
    'unready',
    'invalid',
    'dynamic',
  );
  const rule = fc.array(fc.record({ weight: fc.nat(100), verdict }), {
    minLength: 2,
    maxLength: 6,
  });
  /** As Envoy Gateway translates it: what is empty or invalid has no entry, but a share. */
  const splitOf = (parts: readonly { weight: number; verdict: BackendRefVerdict }[]) => {
    const refs = parts.map(({ weight, verdict }, at) => ref(at, weight, verdict));
    const isLeftOut = (one: BackendRef) => one.verdict === 'empty' || one.verdict === 'invalid';
    const share = refs.filter(isLeftOut).reduce((sum, { weight }) => sum + weight, 0);
    const entries = refs
      .filter((one) => !isLeftOut(one))
      .map(({ backend, weight }) => own(backend, weight));
    return { refs, entries: share > 0 ? [...entries, leftOut(share)] : entries };
  };

  it('someone is always left to take the requests, and no usable one leaves', () => {
    fc.assert(
      fc.property(rule, (parts) => {
        const { refs, entries } = splitOf(parts);
        const decision = decide(entries, refs);
        if (decision.kind !== 'rebalanced') return;
        const left = entries.filter((entry) => !decision.dropped.has(entry.cluster));
        expect(left.some(({ weight, backend }) => weight > 0 && backend !== undefined)).toBe(true);
        for (const { backend, verdict } of refs) {
          if (verdict === 'ready' || verdict === 'dynamic') {
            expect(decision.dropped.has(cluster(backend))).toBe(false);
          }
        }
      }),
    );
  });

  it('invalid backendRefs keep exactly their weight', () => {
    fc.assert(
      fc.property(rule, (parts) => {
        const { refs, entries } = splitOf(parts);
        const decision = decide(entries, refs);
        if (decision.kind !== 'rebalanced') return;
        const invalid = refs.filter((one) => one.verdict === 'invalid');
        const weight = invalid.reduce((sum, one) => sum + one.weight, 0);
        const stays = entries.some(
          (entry) => entry.cluster === leftOutCluster && !decision.dropped.has(entry.cluster),
        );
        if (stays) expect(decision.leftOutWeight ?? entries.at(-1)?.weight).toBe(weight);
        else expect(weight).toBe(0);
      }),
    );
  });

  it('nothing is decided about what was left out while nothing is known', () => {
    fc.assert(
      fc.property(rule, (parts) => {
        const { entries } = splitOf(parts);
        const decision = decide(entries);
        expect(decision.kind).not.toBe('rebalanced');
      }),
    );
  });
});
