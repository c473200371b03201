import { describe, expect, it } from 'vitest';
import { AnsweredDecisions } from '../../src/retrigger/answered-decisions.ts';
import type { CorrectableSplit } from '../../src/rewrites/empty-backends/decided-split.ts';
import type { BackendRef, BackendRefVerdict } from '../../src/state/backend-refs.ts';
import { leftOutCluster } from '../../src/xds/names.ts';

const key = 'shop/eg';
const hash = expect.stringMatching(/^[0-9a-f]{12}$/);

function refs(verdict: BackendRefVerdict): BackendRef[] {
  return [
    { backend: 0, weight: 60, verdict: 'ready', detail: '' },
    { backend: 1, weight: 40, verdict, detail: `it is ${verdict}` },
  ];
}

/** A split of the route `shop/<name>`, decided when its second backendRef was empty. */
function decided(name: string, rule = 0): CorrectableSplit {
  const cluster = `httproute/shop/${name}/rule/${rule}/backend/0`;
  return {
    rule: { kind: 'httproute', namespace: 'shop', name, rule },
    place: { kind: 'routes', resource: 'shop/eg/http' },
    entries: [
      { cluster, weight: 60, backend: 0, usable: true },
      { cluster: leftOutCluster, weight: 40, backend: undefined, usable: true },
    ],
    refs: refs('empty'),
    isLeftOutInvalid: false,
    clusterOf: () => undefined,
  };
}

/** What was answered for a Gateway with these splits, and a world in which it can change. */
function answered(...splits: readonly CorrectableSplit[]) {
  const world = new Map<string, BackendRefVerdict>();
  const decisions = new AnsweredDecisions({
    forRule: ({ name }) => refs(world.get(name) ?? 'empty'),
  });
  decisions.remember(key, splits, 0);
  const change = (name: string, verdict: BackendRefVerdict, at: number) => {
    world.set(name, verdict);
    for (const gateway of decisions.gatewaysOf(`httproute/shop/${name}`)) {
      decisions.suspect(gateway, at);
    }
  };
  return { decisions, change };
}

describe('what was answered for a Gateway', () => {
  it('holds while nothing changes', () => {
    expect(answered(decided('cart')).decisions.check(key, 10_000)).toEqual({ kind: 'none' });
  });

  it('is corrected half a second after the change that says otherwise', () => {
    const { decisions, change } = answered(decided('cart'));
    change('cart', 'invalid', 1_000);
    expect(decisions.check(key, 1_100)).toEqual({ kind: 'later', milliseconds: 400 });
    expect(decisions.check(key, 1_500)).toEqual({
      kind: 'due',
      value: hash,
      reasons: ['HTTPRoute shop/cart rule 0: backendRef 1 was empty, is invalid: it is invalid'],
    });
  });

  it('is corrected at once when the change is seen just after it: Envoy Gateway saw it before', () => {
    const { decisions, change } = answered(decided('cart'));
    change('cart', 'invalid', 900);
    expect(decisions.check(key, 930)).toEqual({ kind: 'later', milliseconds: 20 });
    expect(decisions.check(key, 950)).toMatchObject({ kind: 'due' });
  });

  it('is not put off by changes that go on', () => {
    const { decisions, change } = answered(decided('cart'));
    for (let at = 1_000; at <= 1_500; at += 10) change('cart', 'invalid', at);
    expect(decisions.check(key, 1_500)).toMatchObject({ kind: 'due' });
  });

  it('is not corrected when Envoy Gateway has asked again meanwhile', () => {
    const { decisions, change } = answered(decided('cart'));
    change('cart', 'invalid', 1_000);
    decisions.remember(key, [{ ...decided('cart'), refs: refs('invalid') }], 1_200);
    expect(decisions.check(key, 1_500)).toEqual({ kind: 'none' });
  });

  it('is not corrected when all is as it was before', () => {
    const { decisions, change } = answered(decided('cart'));
    change('cart', 'invalid', 1_000);
    change('cart', 'empty', 1_200);
    expect(decisions.check(key, 1_500)).toEqual({ kind: 'none' });
    change('cart', 'invalid', 5_000);
    expect(decisions.check(key, 5_100)).toEqual({ kind: 'later', milliseconds: 400 });
  });

  it('is corrected once for a change, and again for the next', () => {
    const { decisions, change } = answered(decided('cart'), decided('blog'));
    change('cart', 'invalid', 1_000);
    const first = decisions.check(key, 1_500);
    if (first.kind !== 'due') throw new Error('nothing is due');
    decisions.asked(key, first.value, 1_500);
    change('cart', 'invalid', 2_000);
    expect(decisions.check(key, 2_500)).toEqual({ kind: 'none' });
    change('blog', 'invalid', 3_000);
    expect(decisions.check(key, 3_500)).toMatchObject({ kind: 'due', value: hash });
    expect(decisions.check(key, 3_500)).not.toMatchObject({ value: first.value });
  });

  it('is forgotten when somebody else was asked about the correction', () => {
    const { decisions, change } = answered(decided('cart'));
    change('cart', 'invalid', 1_000);
    decisions.asked(key, 'another', 1_500);
    expect(decisions.check(key, 11_000)).toEqual({ kind: 'none' });
    expect(decisions.gatewaysOf('httproute/shop/cart')).toEqual(new Set());
  });

  it('asks for the same correction, whichever Offramp looks, in whichever order it was answered', () => {
    const [one, other] = [
      answered(decided('cart'), decided('blog'), decided('cart', 1)),
      answered(decided('blog'), decided('cart', 1), decided('cart')),
    ].map(({ decisions, change }) => {
      change('cart', 'invalid', 1_000);
      const correction = decisions.check(key, 1_500);
      return correction.kind === 'due' && correction.value;
    });
    expect(one).toEqual(hash);
    expect(other).toBe(one);
  });

  it('is known by the routes of its last answer only', () => {
    const { decisions } = answered(decided('cart'));
    decisions.remember(key, [decided('blog')], 1_000);
    expect(decisions.gatewaysOf('httproute/shop/cart')).toEqual(new Set());
    expect(decisions.gatewaysOf('httproute/shop/blog')).toEqual(new Set([key]));
    decisions.forget(key);
    expect(decisions.gatewaysOf('httproute/shop/blog')).toEqual(new Set());
  });
});
