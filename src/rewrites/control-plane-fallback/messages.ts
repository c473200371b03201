import { isIP } from 'node:net';
import { anyOf, encodeMessage, lazily } from '../../xds/build.ts';
import { concatenate, encodeField, encodeString } from '../../xds/encoding.ts';
import { fields } from '../../xds/fields.ts';
import { confirmFilterLua, fallbackFilterLua } from './lua-sources.ts';
import type { ControlPlane } from './settings.ts';

/** Names of what is added to connection managers and clusters. */
export const filterNames = {
  entered: 'offramp.entered',
  fallback: 'offramp.fallback',
  confirm: 'offramp.confirm',
  strip: 'offramp.strip',
  listener: 'offramp.listener',
} as const;

/** Headers of ours between the two passes of one request; never on the wire. */
export const controlHeaders = ['x-offramp-control-plane', 'x-offramp-original'] as const;

const httpFilter = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter';
const luaPerRoute = 'envoy.extensions.filters.http.lua.v3.LuaPerRoute';
/** Where a cluster has its upstream filters. */
export const httpProtocolOptions = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

function luaFilter(source: string) {
  return anyOf('envoy.extensions.filters.http.lua.v3.Lua', {
    clear_route_cache: { value: false }, // else a changed header has Envoy choose the route again
    stat_prefix: 'offramp',
    default_source_code: { inline_string: source },
  });
}

/** The filters of a connection manager, in their order, in front of all others. */
export const managerFilters = lazily(() => [
  // Marks requests that have a filter chain: no other route may serve them without its own.
  encodeMessage(httpFilter, {
    name: filterNames.entered,
    typed_config: anyOf('envoy.extensions.filters.http.set_metadata.v3.Config', {
      metadata: [
        {
          metadata_namespace: filterNames.entered,
          value: { fields: { entered: { boolValue: true } } },
        },
      ],
    }),
  }),
  encodeMessage(httpFilter, {
    name: filterNames.fallback,
    disabled: true,
    typed_config: luaFilter(fallbackFilterLua),
  }),
]);

/**
 * The network filter in front of a connection manager: marks connections whose filter chain has the
 * filters above. One from before they were added has the new routes too, while it drains.
 */
export const listenerMark = lazily(() =>
  encodeMessage('envoy.config.listener.v3.Filter', {
    name: filterNames.listener,
    typed_config: anyOf('envoy.extensions.filters.network.set_filter_state.v3.Config', {
      on_new_connection: [
        {
          object_key: filterNames.listener,
          factory_key: 'envoy.string',
          read_only: true,
          format_string: { text_format_source: { inline_string: '1' } },
        },
      ],
    }),
  }),
);

/** The filter of a VM’s cluster. */
export const confirmFilter = lazily(() =>
  encodeMessage(httpFilter, {
    name: filterNames.confirm,
    typed_config: luaFilter(confirmFilterLua),
  }),
);

/** The filter that has to be the last one of a cluster. */
export const codecFilter = lazily(() =>
  encodeMessage(httpFilter, {
    name: 'envoy.filters.http.upstream_codec',
    typed_config: anyOf('envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec', {}),
  }),
);

/** HttpProtocolOptions that say what a cluster without any means: HTTP/1.1. */
export const plainProtocolOptions = lazily(() =>
  encodeMessage(httpProtocolOptions, {
    explicit_http_config: { http_protocol_options: {} },
  }),
);

/** The early header mutation that takes our headers from clients. */
export const stripHeaders = lazily(() =>
  encodeMessage('envoy.config.core.v3.TypedExtensionConfig', {
    name: filterNames.strip,
    typed_config: anyOf(
      'envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation',
      { mutations: controlHeaders.map((remove) => ({ remove })) },
    ),
  }),
);

/** A `typed_per_filter_config` entry of a route that switches the fallback’s filter on. */
export function fallbackFilterEntry(context: Readonly<Record<string, string | number>>) {
  const values = Object.entries(context).map(([key, value]) => [
    key,
    typeof value === 'number' ? { numberValue: value } : { stringValue: value },
  ]);
  const any = anyOf(luaPerRoute, { filter_context: { fields: Object.fromEntries(values) } });
  return concatenate([
    encodeField(fields.MapEntry.key, encodeString(filterNames.fallback)),
    encodeField(fields.MapEntry.value, encodeMessage('google.protobuf.Any', any)),
  ]);
}

/** What a route’s match asks for in addition, as whole fields of RouteMatch. */
export type MatchConditions = Readonly<Record<string, unknown>>;

/** Conditions of a RouteMatch, encoded; a RouteMatch of its own, or behind that of another. */
export function matchConditions(conditions: MatchConditions): Uint8Array {
  return encodeMessage('envoy.config.route.v3.RouteMatch', conditions);
}

/** The InternalRedirectPolicy that lets one route of ours be the target, once. */
export function redirectPolicy(target: string): Uint8Array {
  return encodeMessage('envoy.config.route.v3.InternalRedirectPolicy', {
    max_internal_redirects: { value: 1 },
    redirect_response_codes: [303],
    allow_cross_scheme_redirect: true,
    response_headers_to_copy: [...controlHeaders],
    predicates: [
      {
        name: 'envoy.internal_redirect_predicates.allow_listed_routes',
        typed_config: anyOf(
          'envoy.extensions.internal_redirect.allow_listed_routes.v3.AllowListedRoutesConfig',
          { allowed_route_names: [target] },
        ),
      },
    ],
  });
}

const discovery = { static: 0, strictDns: 1 } as const;
const v4Preferred = 3;
const dnsName = 2;

/** The Cluster of a control plane that is given by its address. */
export function controlPlaneCluster(name: string, controlPlane: ControlPlane): Uint8Array {
  const { host = '', port = 0, tls } = controlPlane;
  const address = { socket_address: { address: host, port_value: port } };
  const sni = tls?.sni ?? host;
  return encodeMessage('envoy.config.cluster.v3.Cluster', {
    name,
    type: isIP(host) === 0 ? discovery.strictDns : discovery.static,
    connect_timeout: { seconds: 5 },
    dns_lookup_family: v4Preferred, // as in Envoy Gateway’s own clusters
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }],
    },
    ...(tls === undefined ? {} : { transport_socket: tlsSocket(sni, tls.caFile) }),
  });
}

/** Where the images of Envoy have the CAs of their system. Envoy itself does not look for them. */
const systemCaFile = '/etc/ssl/certs/ca-certificates.crt';

function tlsSocket(sni: string, caFile = systemCaFile) {
  const validation = {
    trusted_ca: { filename: caFile },
    match_typed_subject_alt_names: [{ san_type: dnsName, matcher: { exact: sni } }],
  };
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: anyOf('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', {
      sni,
      common_tls_context: { validation_context: validation },
    }),
  };
}
