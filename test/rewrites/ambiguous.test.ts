import { describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.ts';
import { rewriteSnapshot, type State } from '../../src/rewrites/pipeline.ts';
import { lookUpStated, noBackendRefs } from '../../src/state/backend-refs.ts';
import { ConnectorView } from '../../src/state/connectors.ts';
import { fields } from '../../src/xds/fields.ts';
import { encodeResponse, readSnapshot } from '../../src/xds/snapshot.ts';
import { editFields } from '../../src/xds/wire.ts';
import { encodeRequest, requestFromResponse } from '../support/xds.ts';

// A repeated singular message merges and of a oneof the last one wins, so that an edit would guess:
// https://protobuf.dev/programming-guides/encoding/#last-one-wins

const settings = configSchema.parse({});
const state: State = {
  backendRefs: noBackendRefs,
  connectors: new ConnectorView([
    {
      connector: { name: 'berlin', online: false },
      routes: [{ kind: 'HTTPRoute', namespace: 'default', name: 'berlin' }],
      clusters: [],
    },
  ]),
};
const rule = { kind: 'HTTPRoute', namespace: 'default', name: 'berlin', rule: 0 } as const;
const withEmpty: State = {
  backendRefs: lookUpStated([
    { ...rule, backend: 0, weight: 1, verdict: 'ready', detail: '' },
    { ...rule, backend: 1, weight: 1, verdict: 'empty', detail: 'it is empty' },
  ]),
  connectors: ConnectorView.empty,
};
const { RouteConfiguration, VirtualHost, Route, RouteAction, WeightedCluster, ClusterWeight } =
  fields;
const { Listener, FilterChain, Filter, Any, HttpConnectionManager } = fields;
const requestLists = fields.PostTranslateModifyRequest;

const metadata = {
  filter_metadata: {
    'envoy-gateway': { resources: [{ kind: 'HTTPRoute', namespace: 'default', name: 'berlin' }] },
  },
};
const weights = [0, 1].map((backend) => ({
  name: `httproute/default/berlin/rule/0/backend/${backend}`,
  weight: { value: 1 },
}));
const filters = [
  {
    name: 'http',
    typed_config: {
      '@type': 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
      stat_prefix: 'http',
      rds: { route_config_name: 'default/eg/http', config_source: { ads: {} } },
    },
  },
];
const request = encodeRequest({
  listeners: [{ name: 'default/eg/http', default_filter_chain: { filters } }],
  routes: [
    {
      name: 'default/eg/http',
      virtual_hosts: [
        {
          name: 'default/eg/http/berlin',
          domains: ['*'],
          routes: [
            {
              name: 'httproute/default/berlin/rule/0/match/0/berlin',
              match: { prefix: '/' },
              route: { weighted_clusters: { clusters: weights } },
              metadata,
            },
          ],
        },
      ],
    },
  ],
});

type Path = readonly { readonly number: number }[];

/** The message with the field at the end of the path written twice. */
function double(message: Uint8Array, [field, ...rest]: Path): Uint8Array {
  return editFields(message, (reader) => {
    if (reader.number !== field?.number) return 'keep';
    if (rest.length === 0) return [reader.raw(), reader.raw()];
    const inner = double(reader.value(), rest);
    const head = Uint8Array.from([...varint(reader.number * 8 + 2), ...varint(inner.length)]);
    return [head, inner];
  });
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >> 7)];
}

function rewrite(message: Uint8Array, known = state) {
  const { snapshot, report } = rewriteSnapshot(readSnapshot(message), known, settings);
  const values = (resources: typeof snapshot) =>
    [...resources.resources].map(({ value }) => Buffer.from(value).toString('hex'));
  return {
    report,
    before: values(readSnapshot(message)),
    after: values(requestFromResponse(encodeResponse(snapshot))),
  };
}

const toRoute = [requestLists.routes, RouteConfiguration.virtual_hosts, VirtualHost.routes];
const toEntry = [...toRoute, Route.route, RouteAction.weighted_clusters, WeightedCluster.clusters];
const toFilter = [requestLists.listeners, Listener.default_filter_chain, FilterChain.filters];
const toManager = [...toFilter, Filter.typed_config, Any.value];

it('edits the route and the listener when nothing is written twice', () => {
  const { report } = rewrite(request);
  expect(report.skips).toEqual([]);
  expect(report.changes.map(({ effect }) => effect)).toEqual([
    'route-answered',
    'connect-answered',
    'connect-allowed',
  ]);
});

it('takes an empty backendRef out of its split when nothing is written twice', () => {
  const { report } = rewrite(request, withEmpty);
  expect(report.skips).toEqual([]);
  expect(report.changes.map(({ effect }) => effect)).toEqual(['empty-dropped']);
});

describe.each([
  ['with an offline connector', state],
  ['with an empty backendRef', withEmpty],
])('a route %s is left alone, and reported, when twice comes', (_which, known) => {
  it.each([
    ['its match', [...toRoute, Route.match]],
    ['its action', [...toRoute, Route.route]],
    ['its metadata', [...toRoute, Route.metadata]],
    ['its split', [...toRoute, Route.route, RouteAction.weighted_clusters]],
    ['the weight of an entry', [...toEntry, ClusterWeight.weight]],
  ])('%s', (_what, path) => {
    const { report, before, after } = rewrite(double(request, path), known);
    expect(report.skips.map(({ reason }) => reason)).toEqual(['ambiguous-encoding']);
    expect(report.changes).toEqual([]);
    expect(after).toEqual(before);
  });
});

describe('a listener is left alone, and reported, when twice comes', () => {
  it.each([
    ['its default filter chain', [requestLists.listeners, Listener.default_filter_chain]],
    ['the configuration of a filter', [...toFilter, Filter.typed_config]],
    ['the value of that configuration', toManager],
    ['the source of the routes', [...toManager, HttpConnectionManager.rds]],
  ])('%s', (_what, path) => {
    const { report, before, after } = rewrite(double(request, path));
    expect(report.skips.map(({ reason }) => reason)).toEqual(['ambiguous-encoding']);
    expect(report.changes.map(({ effect }) => effect)).toEqual([
      'route-answered',
      'connect-answered',
    ]);
    expect(report.changes.at(-1)?.detail).toContain('503 without a body');
    expect(after[0]).toEqual(before[0]);
  });
});

it('takes validate_clusters for true when an empty repetition follows: that is how it merges', () => {
  const { validate_clusters: field } = RouteConfiguration;
  const withFlag = editFields(request, (reader) => {
    if (reader.number !== requestLists.routes.number) return 'keep';
    const inner = Uint8Array.from([
      ...reader.value(),
      ...[field.number * 8 + 2, 2, 8, 1],
      ...[field.number * 8 + 2, 0],
    ]);
    return [Uint8Array.from([...varint(reader.number * 8 + 2), ...varint(inner.length)]), inner];
  });
  const onlyRoutes = editFields(withFlag, ({ number }) =>
    number === requestLists.listeners.number ? 'drop' : 'keep',
  );
  const { report } = rewrite(onlyRoutes);
  expect(report.skips.map(({ reason }) => reason)).toEqual(['validate-clusters']);
  expect(report.changes.map(({ effect }) => effect)).toEqual(['route-answered']);
});
