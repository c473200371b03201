import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeFleet as makeBenchFleet } from '../../bench/hook/fleet.ts';
import { configSchema } from '../../src/config/schema.ts';
import { type RewriteSettings, rewriteSnapshot, type State } from '../../src/rewrites/pipeline.ts';
import { noBackendRefs } from '../../src/state/backend-refs.ts';
import {
  type Connector,
  type ConnectorEntry,
  type ConnectorLookup,
  ConnectorView,
} from '../../src/state/connectors.ts';
import { encodeString } from '../../src/xds/encoding.ts';
import { fields } from '../../src/xds/fields.ts';
import { hashName, hashObject, hashText } from '../../src/xds/name-hash.ts';
import { readRoute } from '../../src/xds/route.ts';
import { identifyRoute } from '../../src/xds/route-identity.ts';
import { routeTraits, scanRoutes } from '../../src/xds/route-scan.ts';
import { encodeResponse, readSnapshot } from '../../src/xds/snapshot.ts';
import { valuesOf } from '../../src/xds/wire.ts';
import { captures } from '../support/captures.ts';
import { goldenBehaviours, readGoldenInput } from '../support/golden-input.ts';
import { injectUnknownFields } from '../support/unknown-fields.ts';

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
const states = fc
  .tuple(claimedObjects, fc.boolean(), fc.option(fc.nat(2), { nil: undefined }), fc.boolean())
  .map(([names, online, rule, byCluster]): State => {
    const entries = names.map((name): ConnectorEntry => {
      const tunnel = { host: 'localhost', port: 8080, endpointId: 'node' };
      const connector: Connector = online ? { name, online, tunnel } : { name, online };
      const routes = [{ kind: 'HTTPRoute', namespace: 'default', name, rule }] as const;
      const cluster = `httproute/default/${name}/rule/${rule ?? 0}`;
      return byCluster
        ? { connector, routes: [], clusters: [cluster] }
        : { connector, routes, clusters: [] };
    });
    return { connectors: new ConnectorView(entries), backendRefs: noBackendRefs };
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

describe('a scan of routes', () => {
  it.each(captures)('names the object of each route as its reading does: $name', ({ request }) => {
    for (const { kind, value } of readSnapshot(request).resources) {
      if (kind !== 'routes') continue;
      const scan = scanRoutes(value);
      const routes = valuesOf(value, fields.RouteConfiguration.virtual_hosts).flatMap((host) =>
        valuesOf(host, fields.VirtualHost.routes),
      );
      const read = routes.map((route) => {
        const view = readRoute(route);
        const object = identifyRoute(route, view.name)?.object;
        const hash = object && hashObject(hashText(object.namespace), hashText(object.name));
        return { object: hash ?? 0, forwards: view.action === undefined ? 0 : 1 };
      });
      expect(scan?.objects).toEqual(read.map(({ object }) => object));
      const forwards = scan?.traits.map((its) => its & routeTraits.forwards);
      expect(forwards).toEqual(read.map((one) => one.forwards));
      expect(scan?.firstRoutes.at(-1)).toBe(routes.length);
    }
  });
});

describe('the hash of a name', () => {
  it('is that of its bytes, and one for all that are not ASCII', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        expect(hashText(name)).toBe(hashName(encodeString(name)));
      }),
    );
    expect(hashText('é')).toBe(hashName(Uint8Array.of(0xff)));
    expect(hashText('a')).not.toBe(hashText('b'));
  });
});
