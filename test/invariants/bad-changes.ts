import type { ResourceKind } from '../../src/xds/snapshot.ts';
import type { PlainSnapshot } from '../support/xds.ts';

export const route = (name: string, cluster: string) => ({
  name,
  match: { prefix: `/${name}` },
  route: { cluster },
});
export const host = (name: string, ...routes: object[]) => ({
  name,
  domains: [`${name}.example`],
  routes,
});
const manager = (routeConfiguration: string, ...filters: object[]) => ({
  name: 'manager',
  typed_config: {
    '@type': 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    rds: { route_config_name: routeConfiguration },
    http_filters: [...filters, router],
  },
});
const router = {
  name: 'envoy.filters.http.router',
  typed_config: { '@type': 'envoy.extensions.filters.http.router.v3.Router' },
};
export const listener = (name: string, routeConfiguration: string) => ({
  name,
  filter_chains: [{ filters: [manager(routeConfiguration)] }],
});

/** Two route configurations that have nothing to do with each other. */
export const plain = {
  clusters: [{ name: 'north' }, { name: 'south' }, { name: 'spare' }],
  listeners: [listener('north', 'north'), listener('south', 'south')],
  routes: [
    {
      name: 'north',
      virtual_hosts: [host('a', route('a', 'north')), host('b', route('b', 'gone'))],
    },
    { name: 'south', virtual_hosts: [host('c', route('c', 'south'))] },
  ],
} satisfies PlainSnapshot;
type Kind = Exclude<ResourceKind, 'secrets'>;

/** What comes in the place of a resource, by its kind and name. */
export type Replacement = readonly [Kind, string, object];

/** The reason that is reported, what is wrong, the change that does it, and what is told of it. */
type BadChange = readonly [string, string, Replacement, RegExp];

/** A good change to the other route configuration: it has to stay. */
export const goodSouth = {
  name: 'south',
  virtual_hosts: [host('c', { name: 'c', match: { prefix: '/c' }, ...answer('gone away') })],
};

export function answer(body: string, status = 503) {
  return { direct_response: { status, body: { inline_string: body } } };
}

export function northWith(...hosts: object[]): Replacement {
  return ['routes', 'north', { name: 'north', virtual_hosts: hosts }];
}

export const hostA = host('a', route('a', 'north'));
export const hostB = host('b', route('b', 'gone'));
export const forward = (action: object) => ({ name: 'a', match: { prefix: '/a' }, route: action });
export const split = (...weights: number[]) =>
  forward({
    weighted_clusters: {
      clusters: weights.map((value) => ({ name: 'north', weight: { value } })),
    },
  });

export const badRoutes: readonly BadChange[] = [
  [
    'invariant-cluster-missing',
    'a route to a cluster that is not there',
    northWith(host('a', route('a', 'nowhere')), hostB),
    /no cluster nowhere/,
  ],
  [
    'invariant-cluster-missing',
    'an entry of a split to a cluster that is not there',
    northWith(
      host(
        'a',
        forward({
          weighted_clusters: { clusters: [{ name: 'lost', weight: { value: 1 } }] },
        }),
      ),
      hostB,
    ),
    /no cluster lost/,
  ],
  [
    'invariant-cluster-missing',
    'a mirror to a cluster that is not there',
    northWith(
      host('a', forward({ cluster: 'north', request_mirror_policies: [{ cluster: 'mirror' }] })),
      hostB,
    ),
    /no cluster mirror/,
  ],
  [
    'invariant-cluster-missing',
    'an absent cluster, of ours, where Envoy validates clusters',
    [
      'routes',
      'north',
      {
        name: 'north',
        validate_clusters: { value: true },
        virtual_hosts: [host('a', route('a', 'offramp-connector-offline')), hostB],
      },
    ],
    /no cluster offramp-connector-offline/,
  ],
  [
    'invariant-direct-response',
    'an answer with a body that is too long',
    northWith(
      host('a', { name: 'a', match: { prefix: '/a' }, ...answer('x'.repeat(4097)) }),
      hostB,
    ),
    /4097 bytes, and 4096 are allowed/,
  ],
  [
    'invariant-direct-response',
    'an answer with a body that is longer than the route configuration allows',
    [
      'routes',
      'north',
      {
        name: 'north',
        max_direct_response_body_size_bytes: { value: 3 },
        virtual_hosts: [
          host('a', { name: 'a', match: { prefix: '/a' }, ...answer('four') }),
          hostB,
        ],
      },
    ],
    /4 bytes, and 3 are allowed/,
  ],
  [
    'invariant-direct-response',
    'an answer with no status',
    northWith(host('a', { name: 'a', match: { prefix: '/a' }, ...answer('', 0) }), hostB),
    /status 0/,
  ],
  [
    'invariant-domains',
    'a domain of another virtual host, in capitals',
    northWith({ ...hostA, domains: ['a.example', 'B.Example'] }, hostB),
    /b\.example is there twice/,
  ],
  [
    'invariant-domains',
    'a virtual host without a domain',
    northWith({ ...hostA, domains: [] }, hostB),
    /no domain/,
  ],
  [
    'invariant-name',
    'another name for a route configuration',
    ['routes', 'north', { name: 'elsewhere', virtual_hosts: [hostA, hostB] }],
    /called elsewhere now/,
  ],
  [
    'invariant-name',
    'another name for a virtual host',
    northWith({ ...hostA, name: 'z' }, hostB),
    /had another name/,
  ],
  ['invariant-resource-lost', 'a virtual host less', northWith(hostA), /of 2 virtual hosts 1/],
  [
    'invariant-route-action',
    'a route that does nothing',
    northWith(host('a', { name: 'a', match: { prefix: '/a' } }), hostB),
    /does nothing/,
  ],
  [
    'invariant-route-action',
    'a route that matches nothing',
    northWith(host('a', { name: 'a', route: { cluster: 'north' } }), hostB),
    /which requests/,
  ],
  [
    'invariant-upgrades',
    'an upgrade twice',
    northWith(
      host(
        'a',
        forward({
          cluster: 'north',
          upgrade_configs: [{ upgrade_type: 'websocket' }, { upgrade_type: 'WebSocket' }],
        }),
      ),
      hostB,
    ),
    /upgrade websocket twice/,
  ],
  ['invariant-weights', 'weights of 0', northWith(host('a', split(0, 0)), hostB), /sum to 0/],
  ['invariant-weights', 'an empty split', northWith(host('a', split()), hostB), /sum to 0/],
  [
    'invariant-weights',
    'weights of more than 32 bits',
    northWith(host('a', split(2 ** 32 - 1, 1)), hostB),
    /sum to 4294967296/,
  ],
];

const chainOfNorth = (...filters: object[]): Replacement => [
  'listeners',
  'north',
  { name: 'north', filter_chains: [{ filters }] },
];
const managerWith = (fields: object) => {
  const { name, typed_config } = manager('north');
  return { name, typed_config: { ...typed_config, ...fields } };
};
const protocolOptions = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
const upstreamFiltersOfNorth = (...http_filters: object[]): Replacement => {
  const options = { '@type': protocolOptions, http_filters };
  const typed_extension_protocol_options = { [protocolOptions]: options };
  return ['clusters', 'north', { name: 'north', typed_extension_protocol_options }];
};
const codec = {
  name: 'codec',
  typed_config: { '@type': 'envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec' },
};
const upgradeTwice = [{ upgrade_type: 'CONNECT' }, { upgrade_type: 'connect' }];

export const bad: typeof badRoutes = [
  ...badRoutes,
  [
    'invariant-filters',
    'a filter twice in a chain',
    chainOfNorth({ name: 'mark' }, { name: 'mark' }, manager('north')),
    /has mark twice/,
  ],
  [
    'invariant-filters',
    'a filter behind the connection manager',
    chainOfNorth(manager('north'), { name: 'late' }),
    /behind the connection manager/,
  ],
  [
    'invariant-filters',
    'an HTTP filter behind the router',
    chainOfNorth(managerWith({ http_filters: [router, { name: 'late' }] })),
    /behind the one that sends/,
  ],
  [
    'invariant-filters',
    'an HTTP filter twice',
    chainOfNorth(manager('north', { name: 'lua' }, { name: 'lua' })),
    /has lua twice/,
  ],
  [
    'invariant-filters',
    'an upstream filter twice',
    upstreamFiltersOfNorth({ name: 'confirm' }, { name: 'confirm' }, codec),
    /has confirm twice/,
  ],
  [
    'invariant-filters',
    'an upstream filter behind the codec',
    upstreamFiltersOfNorth(codec, { name: 'confirm' }),
    /behind the one that sends/,
  ],
  [
    'invariant-upgrades',
    'an upgrade twice in a connection manager',
    chainOfNorth(managerWith({ upgrade_configs: upgradeTwice })),
    /upgrade connect twice/,
  ],
  ['invariant-name', 'another name for a cluster', ['clusters', 'north', { name: 'nord' }], /nord/],
];
