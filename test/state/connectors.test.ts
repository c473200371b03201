import { describe, expect, it } from 'vitest';
import { findClaimConflicts } from '../../src/state/claim-conflicts.ts';
import { type ConnectorEntry, ConnectorView, type RouteClaim } from '../../src/state/connectors.ts';

const app = { kind: 'HTTPRoute', namespace: 'default', name: 'app' } as const;

function entry(
  name: string,
  routes: readonly RouteClaim[],
  clusters: readonly string[] = [],
): ConnectorEntry {
  return { connector: { name, online: false }, routes, clusters };
}

describe('what a view knows of a rule', () => {
  it('is one connector for every rule, when the claim names none', () => {
    const view = new ConnectorView([entry('a', [app])]);
    expect(view.forRule({ ...app, rule: 0 })?.whole?.name).toBe('a');
    expect(view.forRule({ ...app, rule: 99 })?.whole?.name).toBe('a');
    expect(view.forRule(app)?.whole?.name).toBe('a');
  });

  it('is the claimed rule and no other', () => {
    const view = new ConnectorView([entry('a', [{ ...app, rule: 1 }])]);
    expect(view.forRule({ ...app, rule: 1 })?.whole?.name).toBe('a');
    expect(view.forRule({ ...app, rule: 0 })).toBeUndefined();
    expect(view.forRule(app)).toBeUndefined();
  });

  it('joins backendRefs of one rule from several connectors', () => {
    const view = new ConnectorView([
      entry('a', [{ ...app, rule: 0, backend: 0 }]),
      entry('b', [{ ...app, rule: 0, backend: 2 }]),
    ]);
    const claims = view.forRule({ ...app, rule: 0 });
    expect(claims?.whole).toBeUndefined();
    expect([...(claims?.byBackend ?? [])].map(([at, { name }]) => [at, name])).toEqual([
      [0, 'a'],
      [2, 'b'],
    ]);
  });

  it('joins what is claimed of every rule with what is claimed of this one', () => {
    const view = new ConnectorView([
      entry('a', [{ ...app, backend: 0 }]),
      entry('b', [{ ...app, rule: 3, backend: 1 }]),
      entry('c', [{ ...app, rule: 4 }]),
    ]);
    const third = view.forRule({ ...app, rule: 3 });
    expect([...(third?.byBackend ?? [])].map(([at, { name }]) => [at, name])).toEqual([
      [0, 'a'],
      [1, 'b'],
    ]);
    expect(view.forRule({ ...app, rule: 4 })?.whole?.name).toBe('c');
    expect(view.forRule({ ...app, rule: 0 })?.byBackend.size).toBe(1);
  });

  it('does not depend on how the kind is written, but on namespace and name', () => {
    const view = new ConnectorView([entry('a', [app])]);
    expect(view.forRule({ ...app, kind: 'httproute', rule: 0 })?.whole?.name).toBe('a');
    expect(view.forRule({ ...app, kind: 'GRPCRoute', rule: 0 })).toBeUndefined();
    expect(view.forRule({ ...app, namespace: 'other', rule: 0 })).toBeUndefined();
    expect(view.forRule({ ...app, name: 'App', rule: 0 })).toBeUndefined();
  });
});

describe('a view', () => {
  it('knows which routes have any claimed rule', () => {
    const view = new ConnectorView([entry('a', [{ ...app, rule: 1, backend: 2 }])]);
    expect(view.claimsRoute({ ...app, rule: 0 })).toBe(true);
    expect(view.claimsRoute({ ...app, kind: 'httproute' })).toBe(true);
    expect(view.claimsRoute({ ...app, kind: '' })).toBe(true);
    expect(view.claimsRoute({ ...app, kind: 'GRPCRoute' })).toBe(false);
    expect(view.claimsRoute({ ...app, kind: '', name: 'other' })).toBe(false);
    expect(view.claimsRoute({ ...app, name: 'other' })).toBe(false);
  });

  it('finds clusters by their exact name', () => {
    const view = new ConnectorView([entry('a', [], ['service/ns/app/80'])]);
    expect(view.forCluster('service/ns/app/80')?.name).toBe('a');
    expect(view.forCluster('service/ns/app/8')).toBeUndefined();
    expect(view.isEmpty).toBe(false);
  });

  it('is empty when its connectors claim nothing, and still lists them', () => {
    const view = new ConnectorView([entry('idle', [])]);
    expect(view.isEmpty).toBe(true);
    expect(view.connectors.map(({ name }) => name)).toEqual(['idle']);
    expect(ConnectorView.empty.connectors).toEqual([]);
  });
});

describe('a conflict of claims', () => {
  const cluster = 'httproute/default/app/rule/0';

  it.each([
    ['the same route', entry('a', [app]), entry('b', [app]), 'HTTPRoute default/app'],
    [
      'a route and one of its rules',
      entry('a', [app]),
      entry('b', [{ ...app, rule: 7 }]),
      'HTTPRoute default/app rule 7',
    ],
    [
      'a rule and one of its backendRefs',
      entry('a', [{ ...app, rule: 0 }]),
      entry('b', [{ ...app, rule: 0, backend: 3 }]),
      'HTTPRoute default/app rule 0 backend 3',
    ],
    [
      'a backendRef in every rule and a rule',
      entry('a', [{ ...app, backend: 3 }]),
      entry('b', [{ ...app, rule: 0 }]),
      'HTTPRoute default/app rule 0',
    ],
    ['the same cluster', entry('a', [], ['x']), entry('b', [], ['x']), 'cluster x'],
    [
      'a route and the cluster of a rule of it',
      entry('a', [app]),
      entry('b', [], [cluster]),
      `cluster ${cluster}`,
    ],
    [
      'the cluster of a backendRef and its rule',
      entry('a', [], [`${cluster}/backend/1`]),
      entry('b', [{ ...app, rule: 0 }]),
      'HTTPRoute default/app rule 0',
    ],
  ])('is found between %s, in either order', (_name, one, other, claim) => {
    expect(findClaimConflicts([one, other])).toEqual([{ claim, entries: [0, 1] }]);
    expect(findClaimConflicts([other, one])).toMatchObject([{ entries: [0, 1] }]);
  });

  it.each([
    ['two rules', [{ ...app, rule: 0 }], [{ ...app, rule: 1 }]],
    [
      'two backendRefs of one rule',
      [{ ...app, rule: 0, backend: 0 }],
      [{ ...app, rule: 0, backend: 1 }],
    ],
    ['two namespaces', [app], [{ ...app, namespace: 'other' }]],
    ['two kinds', [app], [{ ...app, kind: 'GRPCRoute' as const }]],
  ])('is none between %s', (_name, one, other) => {
    expect(findClaimConflicts([entry('a', one), entry('b', other)])).toEqual([]);
  });

  it('is none within one connector, which may say a thing twice', () => {
    expect(findClaimConflicts([entry('a', [app, { ...app, rule: 0 }], [cluster])])).toEqual([]);
  });

  it('is none with a mirror’s cluster, which no backendRef is', () => {
    const mirror = entry('b', [], [`${cluster}-mirror-0`]);
    expect(findClaimConflicts([entry('a', [app]), mirror])).toEqual([]);
  });
});
