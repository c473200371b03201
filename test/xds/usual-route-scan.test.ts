import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { concatenate, encodeField, encodeString } from '../../src/xds/encoding.ts';
import { FieldReader } from '../../src/xds/field-reader.ts';
import { fields } from '../../src/xds/fields.ts';
import { scanRoutes } from '../../src/xds/route-scan.ts';
import { readSnapshot } from '../../src/xds/snapshot.ts';
import { UsualRoute } from '../../src/xds/usual-route.ts';
import { captures } from '../support/captures.ts';
import { encodeXds } from '../support/xds.ts';
import { lengthDelimited } from './arbitrary-message.ts';

const resource = { kind: 'HTTPRoute', namespace: 'ns', name: 'app', sectionName: 'rule-0' };
const metadataOf = (...resources: object[]) => ({
  filter_metadata: { 'envoy-gateway': { resources } },
});
const forward = {
  name: 'httproute/ns/app/rule/0/match/0/host',
  match: { prefix: '/' },
  route: { cluster: 'c', upgrade_configs: [{ upgrade_type: 'websocket' }] },
  metadata: metadataOf(resource),
};
const splitOver = (...clusters: object[]) => ({ route: { weighted_clusters: { clusters } } });

const usual = [
  forward,
  { ...forward, name: undefined, match: undefined },
  { ...forward, route: { cluster: 'ü' }, name: 'ü' },
  { ...forward, match: { prefix: '/', headers: [{ name: 'x', present_match: true }] } },
  { ...forward, decorator: { operation: 'x' }, route: { cluster: 'c', timeout: { seconds: 1 } } },
  { ...forward, metadata: metadataOf({ ...resource, namespace: '', name: 'n'.repeat(90) }) },
  { ...forward, metadata: metadataOf({ ...resource, name: 'n'.repeat(130) }) },
  { ...forward, metadata: metadataOf({ ...resource, name: 'n'.repeat(900) }) },
  { ...forward, metadata: metadataOf({ ...resource, annotations: { name: 'x'.repeat(300) } }) },
  { ...forward, metadata: metadataOf({}) },
  { ...forward, metadata: metadataOf({ ...resource, annotations: { name: 'x' } }) },
  { ...forward, ...splitOver({ name: 'a', weight: { value: 1 } }, { name: 'b' }) },
  {
    ...forward,
    ...splitOver({ name: 'a', weight: { value: 300 } }, { name: 'b', weight: { value: 0 } }),
  },
  { ...forward, ...splitOver({ name: 'a', weight: {} }, { name: 'ü', weight: { value: 127 } }) },
].map(encodeRoute);

const other = [
  { ...forward, metadata: undefined },
  { ...forward, metadata: metadataOf(resource, resource) },
  { ...forward, metadata: metadataOf({ ...resource, name: 'n'.repeat(16_400) }) },
  { ...forward, match: { connect_matcher: {} } },
  { ...forward, metadata: { filter_metadata: { other: {} } } },
  { ...forward, route: undefined, redirect: { path_redirect: '/' } },
  { ...forward, route: undefined },
  { ...forward, route: {} },
  { ...forward, route: { cluster_header: 'x' } },
  { ...forward, route: { ...forward.route, request_mirror_policies: [{ cluster: 'm' }] } },
  { ...forward, route: { cluster: 'c', upgrade_configs: [{ upgrade_type: 'spdy/3.1' }] } },
  { ...forward, ...splitOver({ name: 'a', weight: { value: 20_000 } }) },
  { ...forward, ...splitOver({ cluster_header: 'x' }) },
  { ...forward, ...splitOver({ weight: { value: 1 } }) },
]
  .map(encodeRoute)
  .concat([{ name: 'b' }, { weight: { value: 2 } }].map(withTwiceInEntry));

/** With an entry of its split that has something twice. */
function withTwiceInEntry(again: object): Uint8Array {
  const once = { name: 'a', weight: { value: 1 } };
  const type = 'envoy.config.route.v3.WeightedCluster.ClusterWeight';
  const entry = concatenate([encodeXds(type, once), encodeXds(type, again)]);
  const split = encodeField(fields.WeightedCluster.clusters, entry);
  const action = encodeField(fields.RouteAction.weighted_clusters, split);
  const rest = encodeRoute({ ...forward, route: undefined });
  return concatenate([rest, encodeField(fields.Route.route, action)]);
}

function encodeRoute(message: object): Uint8Array {
  const present = Object.entries(message).filter(([, value]) => value !== undefined);
  return encodeXds('envoy.config.route.v3.Route', Object.fromEntries(present));
}

/** What a scan tells of a route configuration. */
function scanOf(routeConfiguration: Uint8Array) {
  const snapshot = readSnapshot(new Uint8Array());
  const columns = snapshot.known.routes;
  const scan = scanRoutes(snapshot, routeConfiguration);
  if (scan === undefined) return { scan, extent: columns.extent() };
  const { routeConfiguration: _, ...its } = scan;
  const hosts = Array.from({ length: scan.hostsEnd }, (_, host) => [
    columns.firstRouteOf(host + 1),
    columns.hostNameStarts.at(host),
    columns.hostNameEnds.at(host),
  ]);
  const routes = Array.from({ length: scan.routesEnd }, (_, route) => [
    columns.traits.at(route),
    columns.objects.at(route),
    columns.names.at(route),
    columns.routeNameStarts.at(route),
    columns.routeNameEnds.at(route),
    columns.routeStarts.at(route),
    columns.routeFieldEnds.at(route),
    columns.firstClusterOf(route + 1),
  ]);
  const clusters = Array.from({ length: columns.clusters.length }, (_, at) =>
    columns.clusters.at(at),
  );
  return { its, hosts, routes, clusters, extent: columns.extent() };
}

/** How many of its routes were told by words. */
function expectSameScan(routeConfiguration: Uint8Array): number {
  const read = vi.spyOn(UsualRoute.prototype, 'read');
  const found = scanOf(routeConfiguration);
  const usualRoutes = read.mock.results.filter(({ value }) => value === true).length;
  read.mockReturnValue(false);
  expect(found).toEqual(scanOf(routeConfiguration));
  read.mockRestore();
  return usualRoutes;
}

afterEach(() => {
  vi.restoreAllMocks();
});

/** With something behind the routes, as Envoy Gateway has a host's metadata there. */
function configurationWith(...routes: readonly Uint8Array[]): Uint8Array {
  const behind = encodeField(fields.VirtualHost.metadata, new Uint8Array(20).fill(0x0a));
  const host = concatenate([
    encodeField(fields.VirtualHost.name, encodeString('host')),
    ...routes.map((route) => encodeField(fields.VirtualHost.routes, route)),
  ]);
  return concatenate([
    encodeField(fields.RouteConfiguration.virtual_hosts, host),
    lengthDelimited(30, behind),
  ]);
}

function fieldsOf(message: Uint8Array): Uint8Array[] {
  const reader = new FieldReader(message);
  const parts: Uint8Array[] = [];
  while (reader.next()) parts.push(reader.raw());
  return parts;
}

describe('a scan of usual routes', () => {
  it.each(usual)('tells by words what it tells field by field', (route) => {
    expect(expectSameScan(configurationWith(route))).toBe(1);
  });

  it.each(other)('leaves to others what looks otherwise', (route) => {
    expect(expectSameScan(configurationWith(route))).toBe(0);
  });

  it('tells the same of routes in any order, also behind others', () => {
    const routes = fc.array(fc.constantFrom(...usual, ...other), { maxLength: 6 });
    fc.assert(
      fc.property(routes, (some) => {
        const expected = some.filter((route) => usual.includes(route)).length;
        expect(expectSameScan(configurationWith(...some))).toBe(expected);
      }),
    );
  });

  it('tells the same of a route with its fields in any order, some of them twice', () => {
    const parts = fc
      .constantFrom(...usual, ...other)
      .chain((route) =>
        fc.tuple(
          fc.shuffledSubarray(fieldsOf(route), { minLength: 1 }),
          fc.subarray(fieldsOf(route), { maxLength: 1 }),
        ),
      );
    fc.assert(
      fc.property(parts, ([some, more]) => {
        expectSameScan(configurationWith(concatenate([...some, ...more])));
      }),
      { numRuns: 2_000 },
    );
  });

  it('tells the same whatever damage is done', () => {
    const damage = fc.tuple(
      fc.constantFrom(...usual, ...other),
      fc.array(fc.tuple(fc.nat(500), fc.integer({ min: 1, max: 255 })), { maxLength: 3 }),
      fc.nat(20),
    );
    fc.assert(
      fc.property(damage, ([route, changes, cut]) => {
        const damaged = Uint8Array.from(configurationWith(route)).subarray(0, -cut || undefined);
        for (const [at, value] of changes) damaged[at % damaged.length] = value;
        expectSameScan(damaged);
      }),
      { numRuns: 10_000 },
    );
  });

  it('looks at no byte behind a buffer', () => {
    for (const route of usual) {
      const whole = configurationWith(route);
      for (let length = whole.length - 60; length <= whole.length; length++) {
        expectSameScan(whole.slice(0, length));
      }
      const alone = encodeField(fields.VirtualHost.routes, route);
      expectSameScan(encodeField(fields.RouteConfiguration.virtual_hosts, alone));
    }
  });

  it('looks at no byte behind a buffer for an entry that says that it is longer', () => {
    const metadata = encodeXds('envoy.config.core.v3.Metadata', metadataOf({ name: 'app' }));
    for (const [length, keyLength] of [
      [127, 100],
      [100, 90],
      [127, 4],
    ] as const) {
      const entry = metadata.length - 'app'.length - 12;
      metadata.set([0x0a, length, 0x0a, keyLength], entry);
      const route = concatenate([
        encodeField(fields.Route.metadata, metadata),
        encodeField(fields.Route.route, new Uint8Array()),
      ]);
      const host = encodeField(fields.VirtualHost.routes, route);
      const behind = lengthDelimited(30, new Uint8Array(14));
      expectSameScan(
        concatenate([encodeField(fields.RouteConfiguration.virtual_hosts, host), behind]).slice(),
      );
    }
  });

  it('leaves to others what begins with a byte of 0, though no usual metadata has its length', () => {
    const { Struct, MapEntry, Value } = fields;
    const action = encodeXds('envoy.config.route.v3.Route', { route: forward.route });
    const entryOf = (text: string) =>
      encodeField(
        Struct.fields,
        concatenate([
          encodeField(MapEntry.key, encodeString('name')),
          encodeField(MapEntry.value, encodeField(Value.string_value, encodeString(text))),
        ]),
      );
    for (let length = 0; length < 200; length++) {
      const texts = ['a'.repeat(Math.min(length, 100)), 'b'.repeat(Math.max(length - 100, 0))];
      for (const entries of [[], texts.map(entryOf)]) {
        const metadata = concatenate([Uint8Array.of(0), ...entries]);
        const route = concatenate([action, encodeField(fields.Route.metadata, metadata)]);
        expect(expectSameScan(configurationWith(route))).toBe(0);
      }
    }
  });

  it('has metadata of every length in which names are short', () => {
    for (let length = 0; length < 300; length++) {
      const texts = { a: 'a'.repeat(Math.min(length, 110)), b: '', c: '', d: '' };
      texts.b = 'b'.repeat(Math.min(length - texts.a.length, 110));
      texts.c = 'c'.repeat(Math.min(length - texts.a.length - texts.b.length, 110));
      texts.d = 'd'.repeat(length - texts.a.length - texts.b.length - texts.c.length);
      const metadata = metadataOf({ ...resource, ...texts });
      expect(expectSameScan(configurationWith(encodeRoute({ ...forward, metadata })))).toBe(1);
    }
  });

  it.each(captures)('tells the same of a capture: $name', ({ request }) => {
    for (const { kind, value } of readSnapshot(request).resources) {
      if (kind === 'routes') expectSameScan(value);
    }
  });
});
