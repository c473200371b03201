import { describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.ts';
import { type Rewrite, rewriteSnapshot } from '../../src/rewrites/pipeline.ts';
import { type Change, emptyReport } from '../../src/rewrites/report.ts';
import { noBackendRefs } from '../../src/state/backend-refs.ts';
import { ConnectorView } from '../../src/state/connectors.ts';
import { resourceTypes } from '../../src/xds/resource-types.ts';
import { mapResources, readSnapshot, type Snapshot } from '../../src/xds/snapshot.ts';
import { decodeXds, encodeRequest, encodeXds, resourcesOf } from '../support/xds.ts';
import {
  bad,
  badRoutes,
  forward,
  goodSouth,
  host,
  hostA,
  hostB,
  listener,
  northWith,
  plain,
  type Replacement,
  route,
  split,
} from './bad-changes.ts';

const nothing = { connectors: ConnectorView.empty, backendRefs: noBackendRefs };
const settings = configSchema.parse({});

const snapshot = readSnapshot(encodeRequest(plain));

/** A rewrite, as wrong as a test needs it: puts these in the place of resources, by their names. */
function putting(...replacements: readonly Replacement[]): Rewrite {
  return (before) => {
    let after = before;
    for (const [kind, name, replacement] of replacements) {
      after = mapResources(after, kind, {
        rewrite: (value) =>
          decodeXds(resourceTypes[kind], value).name === name
            ? encodeXds(resourceTypes[kind], replacement)
            : value,
        unreadable: ({ error }) => {
          throw error;
        },
      });
    }
    const changes = replacements.map(([kind, resource]): Change => {
      const place = { kind, resource };
      return { rewrite: 'bad', effect: 'route-answered', place, connectors: [], detail: '' };
    });
    return { snapshot: after, report: { ...emptyReport, changes } };
  };
}

function run(rewrite: Rewrite, of: Snapshot = snapshot) {
  return rewriteSnapshot(of, nothing, settings, [{ name: 'bad', rewrite }]);
}

describe('a rewrite that makes', () => {
  it.each(bad)('%s: %s', (reason, _what, replacement, detail) => {
    const { snapshot: kept, report } = run(putting(replacement, ['routes', 'south', goodSouth]));
    const [kind, name] = replacement;
    expect(report.skips).toMatchObject([
      { rewrite: 'bad', reason, place: { kind, resource: name } },
    ]);
    expect(report.skips[0]?.detail).toMatch(detail);
    expect(report.changes.map(({ place }) => place.resource)).toEqual(['south']);
    const goodBytes = encodeXds(resourceTypes.routes, goodSouth);
    const came = [...snapshot.resources];
    expect([...kept.resources]).toEqual(
      came.map((one) => (one === came.at(-1) ? { ...one, value: goodBytes } : one)),
    );
    const made = came.filter(
      ({ kind, index }) => kept.resources.lists[kind].madeAt(index) !== undefined,
    );
    expect(made).toEqual([came.at(-1)]);
  });

  it('a message that cannot be read has it taken back', () => {
    const { snapshot: kept, report } = run((before) => ({
      snapshot: mapResources(before, 'routes', {
        rewrite: (value, index) => (index === 0 ? value.subarray(0, value.length - 3) : value),
        unreadable: () => undefined,
      }),
      report: emptyReport,
    }));
    expect(report.skips).toMatchObject([{ reason: 'invariant-unreadable' }]);
    expect([...kept.resources]).toEqual([...snapshot.resources]);
    expect(kept.resources.lists).toBe(snapshot.resources.lists);
  });

  it('one resource less has everything taken back', () => {
    const { snapshot: kept, report } = run((before) => ({
      snapshot: { ...before, resources: resourcesOf([...before.resources].toSpliced(4, 1)) },
      report: emptyReport,
    }));
    expect(report.skips).toMatchObject([
      { reason: 'invariant-resource-lost', place: { kind: 'listeners', resource: 'south' } },
    ]);
    expect(kept).toBe(snapshot);
  });

  it('a cluster with the name of another has it left out, with the routes that lead to it', () => {
    const rewrite: Rewrite = (before, ...rest) => {
      const { snapshot: routed, report } = putting(
        northWith(host('a', route('a', 'spare')), hostB),
      )(before, ...rest);
      const value = encodeXds(resourceTypes.clusters, { name: 'spare' });
      const resources = routed.resources.plus('clusters', [value]);
      return { snapshot: { ...routed, resources }, report };
    };
    const { snapshot: kept, report } = run(rewrite);
    expect(report.skips).toMatchObject([
      { reason: 'invariant-name', place: { kind: 'clusters', resource: 'spare' } },
    ]);
    expect(report.skips[0]?.detail).toContain('with routes north');
    expect([...kept.resources]).toEqual([...snapshot.resources]);
    expect(kept.resources.lists).toBe(snapshot.resources.lists);
  });
});

describe('what hangs together falls back together', () => {
  it('routes with the cluster that is new for them, and the listener that serves them', () => {
    const rewrite: Rewrite = (before, ...rest) => {
      const { snapshot: changed, report } = putting(
        northWith(host('a', route('a', 'new'), split(0)), hostB),
        ['listeners', 'north', { ...listener('north', 'north'), stat_prefix: 'changed' }],
        ['listeners', 'south', { ...listener('south', 'south'), stat_prefix: 'changed' }],
      )(before, ...rest);
      const value = encodeXds(resourceTypes.clusters, { name: 'new' });
      const resources = changed.resources.plus('clusters', [value]);
      return { snapshot: { ...changed, resources }, report };
    };
    const { snapshot: kept, report } = run(rewrite);
    expect(report.skips).toMatchObject([{ reason: 'invariant-weights' }]);
    expect(report.skips[0]?.detail).toContain('with listeners north, clusters new');
    expect(report.changes.map(({ place }) => place)).toEqual([
      { kind: 'listeners', resource: 'south' },
    ]);
    const came = [...snapshot.resources];
    const changed = [...kept.resources].filter(({ value }, place) => value !== came[place]?.value);
    expect(changed.map(({ kind }) => kind)).toEqual(['listeners']);
    expect([...kept.resources]).toHaveLength(came.length);
  });
});

describe('what does not hang together', () => {
  it('keeps its change: routes that lead to the same cluster, which is as it was', () => {
    const south = { name: 'south', virtual_hosts: [host('c', route('c', 'spare'))] };
    const { report } = run(
      putting(northWith(host('a', route('a', 'spare'), split(0)), hostB), [
        'routes',
        'south',
        south,
      ]),
    );
    expect(report.skips).toMatchObject([{ reason: 'invariant-weights' }]);
    expect(report.changes.map(({ place }) => place.resource)).toEqual(['south']);
  });
});

describe('what is left alone', () => {
  it('is a change that Envoy would take', () => {
    const replacement = northWith(host('a', route('a', 'spare'), split(1)), hostB);
    const { report } = run(putting(replacement, ['routes', 'south', goodSouth]));
    expect(report.skips).toEqual([]);
    expect(report.changes).toHaveLength(2);
  });

  it('is a cluster that was missing before, in a route that changes otherwise', () => {
    const changed = forward({ cluster: 'gone', prefix_rewrite: '/' });
    const { report } = run(putting(northWith(hostA, host('b', changed))));
    expect(report.skips).toEqual([]);
  });

  it('is a cluster that was missing before, in a copy of a route from elsewhere', () => {
    const south = { name: 'south', virtual_hosts: [host('c', route('b', 'gone'))] };
    const { report } = run(putting(['routes', 'south', south]));
    expect(report.skips).toEqual([]);
  });

  it('is a cluster that was missing before, however its name was encoded', () => {
    const overlong = Buffer.from([0x0a, 0x84, 0x00, ...Buffer.from('gone')]); // RouteAction.cluster
    const [came] = [...snapshot.resources].slice(-2);
    const bytes = Buffer.from(came?.value ?? []);
    const at = bytes.indexOf(Buffer.from([0x0a, 0x04, ...Buffer.from('gone')]));
    const odd = Buffer.concat([bytes.subarray(0, at), overlong, bytes.subarray(at + 6)]);
    // Lengths of action, route, virtual host and route configuration's own field: one more byte each.
    for (const length of lengthsAround(bytes, at)) odd[length] = (odd[length] ?? 0) + 1;
    const changed = forward({ cluster: 'gone', prefix_rewrite: '/' });
    const resources = resourcesOf(
      [...snapshot.resources].toSpliced(-2, 1, { kind: 'routes', index: 0, value: odd }),
    );
    const { report } = run(putting(northWith(hostA, host('b', changed))), {
      ...snapshot,
      resources,
    });
    expect(report.changes).toHaveLength(1);
    expect(report.skips).toEqual([]);
  });

  it('is our absent cluster, where Envoy does not validate clusters', () => {
    const { report } = run(
      putting(northWith(host('a', route('a', 'offramp-connector-offline')), hostB)),
    );
    expect(report.skips).toEqual([]);
  });

  it('is a route to any cluster, in a snapshot that came without clusters', () => {
    const without = readSnapshot(encodeRequest({ routes: plain.routes }));
    const { report } = run(putting(northWith(host('a', route('a', 'nowhere')), hostB)), without);
    expect(report.skips).toEqual([]);
  });

  it.each(badRoutes.filter(([reason]) => /weights|domains|direct|action|upgr/.test(reason)))(
    '%s that came so: %s',
    (_reason, _what, [, , wrong]) => {
      const came = readSnapshot(encodeRequest({ ...plain, routes: [wrong] }));
      const again = { ...wrong, most_specific_header_mutations_wins: true };
      const withRoute = {
        ...again,
        virtual_hosts: hostsOf(again).map((one) => ({
          ...one,
          routes: [...one.routes, route('z', 'spare')],
        })),
      };
      const { report } = run(putting(['routes', 'north', withRoute]), came);
      expect(report.changes).toHaveLength(1);
      expect(report.skips).toEqual([]);
    },
  );
});

/** The places of the one-byte lengths of the messages that a place is in, all but the outermost. */
function lengthsAround(message: Uint8Array, place: number): number[] {
  const found: number[] = [];
  const look = (from: number, to: number): void => {
    for (let at = from; at + 1 < to; at += 2 + (message[at + 1] ?? 0)) {
      const end = at + 2 + (message[at + 1] ?? 0);
      if (place < at + 2 || place >= end) continue;
      found.push(at + 1);
      if (place > at + 2) look(at + 2, end);
    }
  };
  look(0, message.length);
  return found;
}

function hostsOf(routeConfiguration: object): { name: string; routes: object[] }[] {
  return 'virtual_hosts' in routeConfiguration && Array.isArray(routeConfiguration.virtual_hosts)
    ? routeConfiguration.virtual_hosts
    : [];
}

it('looks at nothing when a rewrite changed nothing', () => {
  const untouched = run((before) => ({ snapshot: before, report: emptyReport }));
  expect(untouched.snapshot).toBe(snapshot);
});
