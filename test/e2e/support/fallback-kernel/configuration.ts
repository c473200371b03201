import { createHash } from 'node:crypto';
import {
  confirmFilterLua,
  fallbackFilterLua,
  rememberedMatcherLua,
} from '../../../../src/rewrites/control-plane-fallback/lua-sources.ts';

/** Who may use a route, by HTTP basic authentication; nobody named: everybody. */
export interface RouteUsers {
  readonly vm?: string | undefined;
  readonly controlPlane?: string | undefined;
}

/** What a hand-made Envoy has around the fallback. */
export interface KernelSettings {
  readonly users?: RouteUsers;
  /** A filter behind the fallback's that makes Envoy choose the route again, as some of Envoy Gateway's do. */
  readonly chooseAgain?: boolean;
  /** Of a remembered session, in seconds. */
  readonly ttl?: number;
  /** Of the memory, instead of the Envoy's own. */
  readonly folder?: string;
}

/** Where that Envoy listens and what it reaches. */
export interface KernelPlaces {
  readonly admin: number;
  /** Three listeners with the same routes: two alike, and one from before the fallback was switched on. */
  readonly ports: readonly [number, number, number];
  readonly vm: number;
  readonly controlPlane: number;
  /** Of the memory. */
  readonly folder: string;
}

const EXTENSION = 'type.googleapis.com/envoy.extensions';
const FALLBACK = 'offramp.fallback';
const BASIC = 'envoy.filters.http.basic_auth';
const KEY = 'vm-route';

/** Of what is looked at of a VM's answer, in bytes; Envoy waits for so many times as much. */
export const LIMIT = 65_536;
const BUFFERED = 16;

const CONTEXT = { key: KEY, before: '/browsers/', scope: 'default/vm', drop: 'jwt' };

/** The password of a user of these routes. */
export function passwordOf(user: string): string {
  return `password-of-${user}`;
}

/** An Envoy configuration that has what the rewrite injects, and little else. */
export function kernelConfiguration(places: KernelPlaces, settings: KernelSettings): object {
  const routes = routesOf(places, settings);
  const [first, second, old] = places.ports;
  return {
    admin: { address: addressOf(places.admin) },
    static_resources: {
      listeners: [
        listener('first', first, { routes, settings, injected: true }),
        listener('second', second, { routes, settings, injected: true }),
        listener('old', old, { routes, settings, injected: false }),
      ],
      clusters: [
        cluster('vm', places.vm, [lua('offramp.confirm', confirmFilterLua), upstreamCodec]),
        cluster('control-plane', places.controlPlane, [upstreamCodec]),
      ],
    },
  };
}

function routesOf(places: KernelPlaces, settings: KernelSettings): object[] {
  const { ttl = 60, users = {}, folder = places.folder } = settings;
  const enabled = (context: object) => ({
    [FALLBACK]: {
      '@type': `${EXTENSION}.filters.http.lua.v3.LuaPerRoute`,
      filter_context: context,
    },
  });
  const vmUsers = usersOf(users.vm);
  const toControlPlane = (name: string, context: object) => ({
    name,
    route: { cluster: 'control-plane', timeout: '0s' },
    typed_per_filter_config: { ...usersOf(users.controlPlane), ...enabled(context) },
  });
  const replay = { ...CONTEXT, role: 'replay', folder, ttl };
  const remembered = rememberedMatcherLua({ ...CONTEXT, folder });
  return [
    {
      ...toControlPlane(`${KEY}/offramp-settled`, replay),
      match: { prefix: '/', dynamic_metadata: [hasMetadata(FALLBACK, 'settled', exactly(KEY))] },
    },
    {
      ...toControlPlane(`${KEY}/offramp-replay`, replay),
      match: {
        prefix: '/',
        headers: [{ name: 'x-offramp-control-plane', string_match: { exact: KEY } }],
        filter_state: [{ key: 'num_internal_redirects', string_match: regex('[0-9]+') }],
      },
    },
    {
      ...toControlPlane(`${KEY}/offramp-remembered`, { ...CONTEXT, role: 'remembered' }),
      match: {
        prefix: '/browsers/',
        headers: [
          { name: ':path', string_match: { prefix: CONTEXT.before } },
          { name: ':path', string_match: { custom: stringMatcher(remembered) } },
        ],
        dynamic_metadata: [
          { ...hasMetadata('offramp.entered', 'entered', { bool_match: true }), invert: true },
        ],
        filter_state: [{ key: 'offramp.listener', string_match: { exact: '1' } }],
      },
    },
    {
      name: `${KEY}/offramp-vm`,
      match: {
        prefix: '/browsers/',
        headers: [
          { name: ':method', string_match: { exact: 'GET' } },
          {
            name: ':path',
            string_match: regex('/browsers/[^/?]+/telemetry/events(\\?.*)?'),
          },
          { name: 'upgrade', present_match: true, invert_match: true },
        ],
      },
      ...vmRoute({ internal_redirect_policy: redirectPolicy }),
      request_body_buffer_limit: BUFFERED * LIMIT,
      typed_per_filter_config: { ...vmUsers, ...enabled({ ...CONTEXT, role: 'vm', limit: LIMIT }) },
    },
    {
      name: KEY,
      match: { prefix: '/browsers/' },
      ...vmRoute({}),
      typed_per_filter_config: vmUsers,
    },
    {
      name: 'control-plane',
      match: { prefix: '/' },
      route: { cluster: 'control-plane', timeout: '0s' },
      typed_per_filter_config: usersOf(users.controlPlane),
    },
  ];
}

/** What the VM gets differs from what the client sent, in the ways in which Envoy Gateway changes requests. */
function vmRoute(extra: object): object {
  const rewrite = {
    pattern: { regex: '^([^?]*)\\??(.*)$' },
    substitution: '/vm\\1?\\2&jwt=injected',
  };
  const authorization = { key: 'authorization', value: 'Bearer of-the-vm' };
  return {
    route: {
      cluster: 'vm',
      timeout: '0s',
      regex_rewrite: rewrite,
      host_rewrite_literal: 'vm.internal',
      ...extra,
    },
    request_headers_to_add: [
      { header: authorization, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' },
      { header: { key: 'x-only-for-the-vm', value: '1' } },
    ],
  };
}

const redirectPolicy = {
  max_internal_redirects: 1,
  redirect_response_codes: [303],
  allow_cross_scheme_redirect: true,
  response_headers_to_copy: ['x-offramp-control-plane', 'x-offramp-original'],
  predicates: [
    {
      name: 'envoy.internal_redirect_predicates.allow_listed_routes',
      typed_config: {
        '@type': `${EXTENSION}.internal_redirect.allow_listed_routes.v3.AllowListedRoutesConfig`,
        allowed_route_names: [`${KEY}/offramp-replay`],
      },
    },
  ],
};

interface ListenerOptions {
  readonly routes: readonly object[];
  readonly settings: KernelSettings;
  readonly injected: boolean;
}

function listener(name: string, port: number, options: ListenerOptions): object {
  const { routes, settings, injected } = options;
  const manager = {
    '@type': `${EXTENSION}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: name,
    use_remote_address: true,
    normalize_path: true,
    merge_slashes: true,
    http2_protocol_options: {},
    upgrade_configs: [{ upgrade_type: 'websocket' }],
    early_header_mutation_extensions: injected ? [strip] : [],
    http_filters: [
      ...(injected ? [entered, { ...lua(FALLBACK, fallbackFilterLua), disabled: true }] : []),
      ...(settings.chooseAgain === true ? [lua('choose-again', CHOOSE_AGAIN)] : []),
      basicAuth,
      { name: 'router', typed_config: { '@type': `${EXTENSION}.filters.http.router.v3.Router` } },
    ],
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes }] },
  };
  return {
    name,
    address: addressOf(port),
    per_connection_buffer_limit_bytes: 32_768,
    filter_chains: [
      { filters: [...(injected ? [mark] : []), { name: 'http', typed_config: manager }] },
    ],
  };
}

/** Sleeps long enough for another request to change what the routes say, when the client asks for it. */
const CHOOSE_AGAIN = `function envoy_on_request(handle)
  local pause = handle:headers():get("x-pause")
  if pause then
    handle:httpCall("control-plane", { [":method"] = "GET", [":path"] = "/pause?" .. pause, [":authority"] = "pause" }, nil, 9000)
  end
  handle:clearRouteCache()
end`;

const mark = {
  name: 'offramp.listener',
  typed_config: {
    '@type': `${EXTENSION}.filters.network.set_filter_state.v3.Config`,
    on_new_connection: [
      {
        object_key: 'offramp.listener',
        factory_key: 'envoy.string',
        read_only: true,
        format_string: { text_format_source: { inline_string: '1' } },
      },
    ],
  },
};

const entered = {
  name: 'offramp.entered',
  typed_config: {
    '@type': `${EXTENSION}.filters.http.set_metadata.v3.Config`,
    metadata: [{ metadata_namespace: 'offramp.entered', value: { entered: true } }],
  },
};

const strip = {
  name: 'offramp.strip',
  typed_config: {
    '@type': `${EXTENSION}.http.early_header_mutation.header_mutation.v3.HeaderMutation`,
    mutations: [{ remove: 'x-offramp-control-plane' }, { remove: 'x-offramp-original' }],
  },
};

/** As Envoy Gateway has it: off, and switched on by the routes of a SecurityPolicy. */
const basicAuth = {
  name: BASIC,
  disabled: true,
  typed_config: {
    '@type': `${EXTENSION}.filters.http.basic_auth.v3.BasicAuth`,
    users: { inline_string: line('nobody') },
  },
};

function usersOf(user: string | undefined): object {
  if (user === undefined) return {};
  const type = `${EXTENSION}.filters.http.basic_auth.v3.BasicAuthPerRoute`;
  return { [BASIC]: { '@type': type, users: { inline_string: line(user) } } };
}

function line(user: string): string {
  return `${user}:{SHA}${createHash('sha1').update(passwordOf(user)).digest('base64')}`;
}

function lua(name: string, code: string): object {
  return {
    name,
    typed_config: {
      '@type': `${EXTENSION}.filters.http.lua.v3.Lua`,
      clear_route_cache: false,
      default_source_code: { inline_string: code },
    },
  };
}

function stringMatcher(code: string): object {
  return {
    name: 'offramp.remembered',
    typed_config: {
      '@type': `${EXTENSION}.string_matcher.lua.v3.Lua`,
      source_code: { inline_string: code },
    },
  };
}

const upstreamCodec = {
  name: 'envoy.filters.http.upstream_codec',
  typed_config: { '@type': `${EXTENSION}.filters.http.upstream_codec.v3.UpstreamCodec` },
};

function cluster(name: string, port: number, filters: readonly object[]): object {
  return {
    name,
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: addressOf(port) } }] }],
    },
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': `${EXTENSION}.upstreams.http.v3.HttpProtocolOptions`,
        explicit_http_config: { http_protocol_options: {} },
        http_filters: filters,
      },
    },
  };
}

function hasMetadata(filter: string, key: string, value: object): object {
  return { filter, path: [{ key }], value };
}

function exactly(exact: string): object {
  return { string_match: { exact } };
}

function regex(expression: string): object {
  return { safe_regex: { regex: expression } };
}

function addressOf(port: number): object {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}
