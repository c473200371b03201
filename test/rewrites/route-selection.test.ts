import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeFleet as makeBenchFleet } from '../../bench/hook/fleet.ts';
import { configSchema } from '../../src/config/schema.ts';
import { type RewriteSettings, rewriteSnapshot, type State } from '../../src/rewrites/pipeline.ts';
import { type BackendRefLookup, noBackendRefs } from '../../src/state/backend-refs.ts';
import {
  type Connector,
  type ConnectorEntry,
  type ConnectorLookup,
  ConnectorView,
} from '../../src/state/connectors.ts';
import { routeTraits } from '../../src/xds/action-scan.ts';
import { concatenate, encodeField, encodeString } from '../../src/xds/encoding.ts';
import { fields } from '../../src/xds/fields.ts';
import { hashName, hashObject, hashText, hashWords } from '../../src/xds/name-hash.ts';
import { readRoute } from '../../src/xds/route.ts';
import type { RouteColumns } from '../../src/xds/route-columns.ts';
import { identifyRoute } from '../../src/xds/route-identity.ts';
import { type RouteScan, scanRoutes } from '../../src/xds/route-scan.ts';
import { encodeResponse, readSnapshot } from '../../src/xds/snapshot.ts';
import { valuesOf } from '../../src/xds/wire.ts';
import { wordsOf } from '../../src/xds/words.ts';
import { captures } from '../support/captures.ts';
import { goldenBehaviours, readGoldenInput } from '../support/golden-input.ts';
import { injectUnknownFields } from '../support/unknown-fields.ts';
import { encodeXds } from '../support/xds.ts';

const settings = configSchema.parse({});

/** Says of every route and cluster that it may be claimed: all of them are read. */
function readingAll(view: ConnectorLookup): ConnectorLookup {
  return {
    connectors: view.connectors,
    isEmpty: view.isEmpty,
    forCluster: (cluster) => view.forCluster(cluster),
    forRule: (route) => view.forRule(route),
    claimsRoute: (route) => view.claimsRoute(route),
    mayClaimRoute: () => true,
    mayClaimRule: () => true,
    mayClaimCluster: () => true,
  };
}

function outcome(request: Uint8Array, state: State, its: RewriteSettings) {
  const { snapshot, report } = rewriteSnapshot(readSnapshot(request), state, its);
  return { report, response: Buffer.from(encodeResponse(snapshot)).toString('base64') };
}

function expectNothingMissed(request: Uint8Array, state: State, its: RewriteSettings = settings) {
  const everything = { ...state, connectors: readingAll(state.connectors) };
  const expected = outcome(request, everything, { ...its, everySplit: true });
  expect(outcome(request, state, its)).toEqual(expected);
}

function expectNothingMissedIfReadable(request: Uint8Array, state: State): void {
  try {
    readSnapshot(request);
  } catch {
    return;
  }
  expectNothingMissed(request, state);
}

/** Claims some of the objects that routes of the captures are from, in several ways. */
const claimedObjects = fc.uniqueArray(
  fc.constantFrom('berlin', 'cart', 'web', 'split', 'app', 'nowhere', 'canary', 'grpc'),
  { minLength: 1, maxLength: 4 },
);
/** Nobody knows anything of backendRefs, or somebody does who does not know these, or who knows them empty. */
const lookups = fc.constantFrom<BackendRefLookup>(
  noBackendRefs,
  { forRule: () => undefined },
  {
    forRule: () =>
      [0, 1].map((backend) => ({ backend, weight: 1, verdict: 'empty', detail: 'no endpoints' })),
  },
);
const states = fc
  .tuple(
    claimedObjects,
    fc.boolean(),
    fc.option(fc.nat(2), { nil: undefined }),
    fc.boolean(),
    lookups,
  )
  .map(([names, online, rule, byCluster, backendRefs]): State => {
    const entries = names.map((name): ConnectorEntry => {
      const tunnel = { host: 'localhost', port: 8080, endpointId: 'node' };
      const connector: Connector = online ? { name, online, tunnel } : { name, online };
      const routes = [{ kind: 'HTTPRoute', namespace: 'default', name, rule }] as const;
      const cluster = `httproute/default/${name}/rule/${rule ?? 0}`;
      return byCluster
        ? { connector, routes: [], clusters: [cluster] }
        : { connector, routes, clusters: [] };
    });
    return { connectors: new ConnectorView(entries), backendRefs };
  });

describe('what is decided without reading every route', () => {
  it.each(captures)('is what reading all of them decides: $name', ({ request }) => {
    fc.assert(
      fc.property(states, fc.boolean(), (state, odd) =>
        expectNothingMissed(odd ? injectUnknownFields(request) : request, state),
      ),
      { numRuns: 20 },
    );
  });

  it.each(['offline-connectors', 'empty-backends', 'control-plane-fallback'])(
    'is what reading all of them decides: golden inputs of %s',
    (rewrite) => {
      for (const behaviour of goldenBehaviours(rewrite)) {
        const { request, state, settings: its } = readGoldenInput(rewrite, behaviour);
        expectNothingMissed(request, state, its);
      }
    },
  );

  it('is what reading all of them decides in a fleet with offline, online and empty backends', () => {
    const { request, connectors } = makeBenchFleet(40);
    expectNothingMissed(request, {
      connectors: new ConnectorView(connectors),
      backendRefs: noBackendRefs,
    });
  });

  it('is the same in a damaged snapshot, resources that cannot be read included', () => {
    const inputs = ['offline-connectors', 'empty-backends'].flatMap((rewrite) =>
      goldenBehaviours(rewrite).map((behaviour) => readGoldenInput(rewrite, behaviour)),
    );
    const damage = fc.tuple(
      fc.constantFrom(...inputs),
      fc.array(fc.tuple(fc.nat(100_000), fc.nat(255)), { minLength: 1, maxLength: 4 }),
    );
    fc.assert(
      fc.property(damage, ([{ request, state }, changes]) => {
        const damaged = Buffer.from(request);
        for (const [at, value] of changes) damaged[at % damaged.length] = value;
        expectNothingMissedIfReadable(damaged, state);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is the same where something else is damaged than what the state speaks of', () => {
    const { request, connectors } = makeBenchFleet(12);
    const state = { connectors: new ConnectorView(connectors), backendRefs: noBackendRefs };
    fc.assert(
      fc.property(fc.nat(request.length - 1), fc.nat(255), (at, value) => {
        const damaged = Buffer.from(request);
        damaged[at] = value;
        expectNothingMissedIfReadable(damaged, state);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('a route of an unclaimed rule, of a route of which another rule is claimed', () => {
  const { Route, RouteAction, WeightedCluster, ClusterWeight } = fields;
  const connectors = new ConnectorView([
    {
      connector: { name: 'berlin', online: false },
      routes: [{ kind: 'HTTPRoute', namespace: 'default', name: 'berlin', rule: 0 }],
      clusters: [],
    },
  ]);
  const state = { connectors, backendRefs: noBackendRefs };
  const entry = encodeXds('envoy.config.route.v3.WeightedCluster.ClusterWeight', {
    name: 'c',
    weight: { value: 1 },
  });
  const splitOver = (...entries: Uint8Array[]) =>
    encodeField(
      RouteAction.weighted_clusters,
      concatenate(entries.map((one) => encodeField(WeightedCluster.clusters, one))),
    );
  const action = (...parts: Uint8Array[]) => encodeField(Route.route, concatenate(parts));
  const toCluster = encodeField(RouteAction.cluster, encodeString('c'));
  const match = encodeField(Route.match, new Uint8Array());
  const metadata = encodeField(Route.metadata, new Uint8Array());
  const name = (text: string) => encodeField(Route.name, encodeString(text));
  const named = name('httproute/default/berlin/rule/1/match/0/berlin');
  const weight = encodeField(ClusterWeight.weight, Uint8Array.of(8, 1));

  /** The reasons for which the route stays, which are those that reading every route gives. */
  function reasons(...parts: Uint8Array[]) {
    const route = encodeField(fields.VirtualHost.routes, concatenate(parts));
    const host = encodeField(fields.RouteConfiguration.virtual_hosts, route);
    const request = encodeField(fields.PostTranslateModifyRequest.routes, host);
    expectNothingMissed(request, state);
    return outcome(request, state, settings).report.skips.map(({ reason }) => reason);
  }

  it('is not spoken of when it is as usual', () => {
    expect(reasons(named, match, action(toCluster))).toEqual([]);
    expect(reasons(named, match, action(splitOver(entry)))).toEqual([]);
  });

  it.each([
    ['two actions', [match, action(toCluster), action(toCluster)]],
    ['an action and a redirect', [match, action(toCluster), encodeField(Route.redirect, match)]],
    ['two matches', [match, match, action(toCluster)]],
    ['metadata twice', [metadata, metadata, action(toCluster)]],
    ['two clusters', [action(toCluster, toCluster)]],
    ['a cluster and a split', [action(toCluster, splitOver(entry))]],
    ['no cluster at all', [action()]],
    ['an entry with two weights', [action(splitOver(concatenate([entry, weight])))]],
  ])('is reported as ambiguous when it has %s', (_, parts) => {
    expect(reasons(named, ...parts)).toEqual(['ambiguous-encoding']);
  });

  it.each([
    ['a header', [entry, encodeField(ClusterWeight.cluster_header, encodeString('x'))]],
    ['nobody', [weight]],
  ])('is reported when %s chooses the cluster of an entry of its split', (_, parts) => {
    expect(reasons(named, action(splitOver(concatenate(parts))))).toEqual(['cluster-header']);
  });

  it('is reported when a plugin chooses the cluster', () => {
    const plugin = encodeField(RouteAction.inline_cluster_specifier_plugin, new Uint8Array());
    expect(reasons(named, action(plugin))).toEqual(['inline-cluster-specifier']);
  });

  it('is reported when its name does not tell the rule', () => {
    const object = encodeXds('envoy.config.route.v3.Route', {
      metadata: {
        filter_metadata: {
          'envoy-gateway': {
            resources: [{ kind: 'HTTPRoute', namespace: 'default', name: 'berlin' }],
          },
        },
      },
    });
    expect(reasons(name('berlin'), object, action(toCluster))).toEqual(['unparsable-route-name']);
  });
});

describe('a route to two clusters at once, of which one has no endpoints', () => {
  const dead = 'httproute/default/berlin/rule/0/backend/0';
  const alive = 'httproute/default/berlin/rule/0/backend/1';
  const endpoints = [{ lb_endpoints: [{ endpoint: {} }] }];
  const clusters = [{ name: dead }, { name: alive, load_assignment: { endpoints } }].map(
    (cluster) =>
      encodeField(
        fields.PostTranslateModifyRequest.clusters,
        encodeXds('envoy.config.cluster.v3.Cluster', cluster),
      ),
  );
  const action = [dead, alive].map((cluster) =>
    encodeField(fields.RouteAction.cluster, encodeString(cluster)),
  );
  const route = concatenate([
    encodeField(fields.Route.name, encodeString('httproute/default/berlin/rule/0/match/0/berlin')),
    encodeField(fields.Route.route, concatenate(action)),
  ]);
  const host = encodeField(fields.VirtualHost.routes, route);
  const configuration = encodeField(fields.RouteConfiguration.virtual_hosts, host);
  const request = concatenate([
    ...clusters,
    encodeField(fields.PostTranslateModifyRequest.routes, configuration),
  ]);

  it('is told of as one that may be a split, where a state source knows of backendRefs', () => {
    const state = { connectors: new ConnectorView([]), backendRefs: { forRule: () => undefined } };
    expectNothingMissed(request, state);
    const { skips } = outcome(request, state, settings).report;
    expect(skips.map(({ reason }) => reason)).toEqual(['ambiguous-encoding']);
  });
});

describe('a scan of routes', () => {
  it.each(captures)('names the object of each route as its reading does: $name', ({ request }) => {
    const snapshot = readSnapshot(request);
    for (const { kind, value } of snapshot.resources) {
      if (kind !== 'routes') continue;
      const scan = scanRoutes(snapshot, value);
      const numbers = Array.from(
        { length: (scan?.routesEnd ?? 0) - (scan?.firstRoute ?? 0) },
        (_, index) => (scan?.firstRoute ?? 0) + index,
      );
      const routes = valuesOf(value, fields.RouteConfiguration.virtual_hosts).flatMap((host) =>
        valuesOf(host, fields.VirtualHost.routes),
      );
      const read = routes.map((route) => {
        const view = readRoute(route);
        const object = identifyRoute(route, view.name)?.object;
        const hash = object && hashObject(hashText(object.namespace), hashText(object.name));
        return { object: hash ?? 0, forwards: view.action === undefined ? 0 : 1 };
      });
      const { traits, objects } = snapshot.known.routes;
      expect(numbers.map((route) => objects.at(route))).toEqual(read.map(({ object }) => object));
      const forwards = numbers.map((route) => traits.at(route) & routeTraits.forwards);
      expect(forwards).toEqual(read.map((one) => one.forwards));
    }
  });

  it('is the same behind a route configuration that ends in the middle of a route', () => {
    const { request } = makeBenchFleet(3);
    const list = valuesOf(request, fields.PostTranslateModifyRequest.routes);
    const broken = list.map((one) => one.subarray(0, one.length - 20));
    const scanAll = (...configurations: Uint8Array[]) => {
      const snapshot = readSnapshot(new Uint8Array());
      const scans = configurations.map((one) => scanRoutes(snapshot, one));
      return scans.map((scan) => scan && rowsOf(snapshot.known.routes, scan));
    };
    const alone = scanAll(...list);
    expect(alone.flatMap((rows) => rows?.hosts ?? []).length).toBeGreaterThan(3);
    expect(scanAll(...broken, ...list)).toEqual([...broken.map(() => undefined), ...alone]);
  });
});

/** What a scan says, with places among its own instead of those in all columns. */
function rowsOf(columns: RouteColumns, scan: RouteScan) {
  const { configurations, hostNameStarts, hostNameEnds, traits, objects, names } = columns;
  const { firstHost, hostsEnd, firstRoute, routesEnd } = scan;
  const range = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, at) => from + at);
  const hosts = range(firstHost, hostsEnd).map((host) => ({
    isOfThis: configurations[host] === scan.routeConfiguration,
    name: [hostNameStarts.at(host), hostNameEnds.at(host)],
    routes: columns.firstRouteOf(host + 1) - columns.firstRouteOf(host),
  }));
  const routes = range(firstRoute, routesEnd).map((route) => ({
    traits: traits.at(route),
    object: [objects.at(route), names.at(route)],
    name: [columns.routeNameStarts.at(route), columns.routeNameEnds.at(route)],
    clusters: range(columns.firstClusterOf(route), columns.firstClusterOf(route + 1)).map((place) =>
      columns.clusters.at(place),
    ),
  }));
  return { hosts, routes };
}

describe('the hash of a name', () => {
  it('is that of its bytes, and one for all that are not ASCII', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        const bytes = concatenate([encodeString(name), Uint8Array.of(0xff, 0xff, 0xff)]);
        const { length } = encodeString(name);
        expect(hashText(name)).toBe(hashName(bytes, 0, length));
        expect(hashText(name)).toBe(hashWords(wordsOf(bytes), 0, length));
      }),
    );
    expect(hashText('é')).toBe(hashName(Uint8Array.of(0xff)));
    expect(hashText('a')).not.toBe(hashText('b'));
  });
});
