import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mayHaveStamps, noteRewritten, stampFinder } from '../../src/policy/find-stamps.ts';
import { policyGroup } from '../../src/policy/offramp-policy.ts';
import { stampRoute } from '../../src/policy/route-stamp.ts';
import { concatenate, encodeField, encodeString } from '../../src/xds/encoding.ts';
import { fields } from '../../src/xds/fields.ts';
import { scanRoutes } from '../../src/xds/route-scan.ts';
import { readSnapshot, type Snapshot } from '../../src/xds/snapshot.ts';
import { encodeXds, resourcesOf } from '../support/xds.ts';

const { PostTranslateModifyRequest, RouteConfiguration, VirtualHost } = fields;
const route = encodeXds('envoy.config.route.v3.Route', { name: 'a route with a name' });
const stamped = stampRoute(route, { problems: [], policy: 'default/p' });
const configurationOf = (its: Uint8Array) =>
  encodeField(RouteConfiguration.virtual_hosts, encodeField(VirtualHost.routes, its));
const plain = configurationOf(route);
const lengthAndText = encodeField(
  { message: '', name: '', number: 1 },
  encodeString(policyGroup),
).subarray(1);
const withStamp = configurationOf(stamped);

type Sort = 'plain' | 'stamped' | 'listener';

/** One request of these, of which some were made anew: they lie in buffers of their own. */
function snapshotOf(sorts: readonly (readonly [Sort, boolean])[]): Snapshot {
  const resources = sorts.map(([sort]) =>
    sort === 'listener'
      ? encodeField(PostTranslateModifyRequest.listeners, withStamp)
      : encodeField(PostTranslateModifyRequest.routes, sort === 'plain' ? plain : withStamp),
  );
  const snapshot = readSnapshot(concatenate(resources));
  const anew = [...snapshot.resources]
    .filter((_, place) => sorts[place]?.[1])
    .map((one) => ({ ...one, value: concatenate([one.value]) }));
  return { ...snapshot, resources: snapshot.resources.withAll(anew) };
}

function snapshotWith(...configurations: readonly Uint8Array[]): Snapshot {
  return readSnapshot(
    concatenate(configurations.map((one) => encodeField(PostTranslateModifyRequest.routes, one))),
  );
}

const snapshots = fc.array(
  fc.tuple(fc.constantFrom<Sort>('plain', 'plain', 'stamped', 'listener'), fc.boolean()),
  { maxLength: 6 },
);

describe('the search for stamps in a snapshot', () => {
  it('finds the route configurations that have one, wherever they lie', () => {
    fc.assert(
      fc.property(snapshots, (sorts) => {
        const snapshot = snapshotOf(sorts);
        const hasStamp = stampFinder(snapshot);
        const routes = [...snapshot.resources.lists.routes];
        const expected = sorts.filter(([sort]) => sort !== 'listener');
        expect(routes.map((value) => hasStamp(value))).toEqual(
          expected.map(([sort]) => sort === 'stamped'),
        );
        expect(mayHaveStamps(snapshot)).toBe(sorts.some(([sort]) => sort === 'stamped'));
      }),
    );
  });

  it('is done once for what rewrites leave as it came', () => {
    const snapshot = snapshotOf([['plain', false]]);
    const [first] = snapshot.resources;
    expect(mayHaveStamps(snapshot)).toBe(false);
    first?.value.set(lengthAndText);
    expect(mayHaveStamps({ ...snapshot, known: readSnapshot(new Uint8Array()).known })).toBe(true);
    expect(mayHaveStamps({ ...snapshot, resources: resourcesOf(snapshot.resources) })).toBe(false);
  });

  it('is done for what takes the place of something else', () => {
    const snapshot = snapshotOf([['plain', false]]);
    expect(mayHaveStamps(snapshot)).toBe(false);
    const resources = snapshot.resources.plus('routes', [withStamp]);
    expect(mayHaveStamps({ ...snapshot, resources })).toBe(true);
    expect(mayHaveStamps(snapshot)).toBe(false);
  });

  it('is not done for what was scanned, unless a route has other metadata than the usual', () => {
    const object = { kind: 'HTTPRoute', namespace: 'shop', name: 'cart' };
    const one = encodeXds('envoy.config.route.v3.Route', {
      metadata: { filter_metadata: { 'envoy-gateway': { resources: [object] } } },
    });
    for (const its of [one, stampRoute(one, { problems: [], policy: 'default/p' })]) {
      const snapshot = snapshotWith(configurationOf(its));
      const isStamped = its !== one;
      for (const { value } of snapshot.resources) {
        expect(scanRoutes(snapshot, value)?.hasUsualMetadata).toBe(!isStamped);
      }
      expect(mayHaveStamps(snapshot)).toBe(isStamped);
    }
  });

  it('is done for what was scanned when any of its routes has other metadata', () => {
    const object = { kind: 'HTTPRoute', namespace: 'shop', name: 'cart' };
    const one = encodeXds('envoy.config.route.v3.Route', {
      metadata: { filter_metadata: { 'envoy-gateway': { resources: [object] } } },
    });
    const its = [configurationOf(stamped), configurationOf(one)];
    for (const hosts of [its, its.toReversed()]) {
      const snapshot = snapshotWith(concatenate(hosts));
      for (const { value } of snapshot.resources) scanRoutes(snapshot, value);
      expect(mayHaveStamps(snapshot)).toBe(true);
    }
  });

  it('is done where a matcher tree may have routes, scanned or not', () => {
    const tree = encodeField(VirtualHost.matcher, stamped);
    const host = encodeField(RouteConfiguration.virtual_hosts, tree);
    const snapshot = snapshotWith(host);
    for (const { value } of snapshot.resources) scanRoutes(snapshot, value);
    expect(mayHaveStamps(snapshot)).toBe(true);
  });

  it('is not done for what a rewrite makes of a configuration without a stamp', () => {
    for (const sort of ['plain', 'stamped'] as const) {
      const snapshot = snapshotOf([[sort, false]]);
      expect(mayHaveStamps(snapshot)).toBe(sort === 'stamped');
      const resources = resourcesOf([{ kind: 'routes', value: concatenate([withStamp]) }]);
      const rewritten = { ...snapshot, resources };
      noteRewritten(snapshot, rewritten);
      expect(mayHaveStamps(rewritten)).toBe(sort === 'stamped');
    }
  });

  it('takes no stamp of another resource for one of a route', () => {
    const snapshot = snapshotOf([
      ['plain', false],
      ['listener', false],
      ['plain', false],
    ]);
    expect(mayHaveStamps(snapshot)).toBe(false);
  });
});
