import type { Tunnel } from '../../state/connectors.ts';
import { anyOf, encodeMessage } from '../../xds/build.ts';
import { fields } from '../../xds/fields.ts';
import { concatenate, encodeField } from '../../xds/wire.ts';
import type { OfflineResponse } from './settings.ts';

/**
 * A cluster name that exists nowhere. A route to it is answered 503 by Envoy itself, also for
 * upgrades, which a direct response cannot answer (Envoy would say 403).
 */
export const absentCluster = 'offramp-connector-offline';

const routeAction = 'envoy.config.route.v3.RouteAction';
const overwriteIfExistsOrAdd = 2;
const notFoundIsServiceUnavailable = 0;

/** The DirectResponseAction that answers a request whose connector is offline. */
export function directResponse({ status, body }: OfflineResponse): Uint8Array {
  const text = body === '' ? {} : { body: { inline_string: body } };
  return encodeMessage('envoy.config.route.v3.DirectResponseAction', { status, ...text });
}

/** The answer's headers as whole `Route.response_headers_to_add` fields. */
export function responseHeaders({ headers }: OfflineResponse): Uint8Array[] {
  return Object.entries(headers).map(([key, value]) =>
    encodeField(
      fields.Route.response_headers_to_add,
      encodeMessage('envoy.config.core.v3.HeaderValueOption', {
        header: { key, value: value.replaceAll('%', '%%') }, // a single % starts an Envoy command
        append_action: overwriteIfExistsOrAdd,
      }),
    ),
  );
}

/** A RouteAction to the absent cluster that accepts this upgrade, so that it gets the 503. */
export function absentClusterAction(upgrade: string): Uint8Array {
  return encodeMessage(routeAction, {
    cluster: absentCluster,
    cluster_not_found_response_code: notFoundIsServiceUnavailable,
    upgrade_configs: [{ upgrade_type: upgrade }],
  });
}

/** A HeaderMatcher for requests that ask for this upgrade (HTTP/2's come in the same form). */
export function upgradeHeaderMatcher(upgrade: string): Uint8Array {
  return encodeMessage('envoy.config.route.v3.HeaderMatcher', {
    name: 'upgrade',
    string_match: { exact: upgrade, ignore_case: true },
  });
}

/** A Route for CONNECT, made of its action and whatever else it needs (fields of Route, encoded). */
export function connectRoute(name: string, rest: Uint8Array): Uint8Array {
  const head = encodeMessage('envoy.config.route.v3.Route', {
    name,
    match: { connect_matcher: {} },
  });
  return concatenate([head, rest]);
}

/** The RouteAction that tunnels CONNECT through an online connector's cluster. */
export function connectAction(cluster: string): Uint8Array {
  return encodeMessage(routeAction, {
    cluster,
    upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} }],
  });
}

/** An HttpConnectionManager.UpgradeConfig that lets CONNECT reach the routes. */
export function connectUpgrade(): Uint8Array {
  return encodeMessage(
    'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.UpgradeConfig',
    { upgrade_type: 'CONNECT' },
  );
}

/** What a tunnel cluster is made from. */
export interface TunnelClusterOptions {
  readonly name: string;
  readonly tunnel: Tunnel;
  readonly internalListener: string;
  /** Whether the upstream is spoken to in HTTP/2, as gRPC needs. */
  readonly http2: boolean;
}

const staticDiscovery = 0;
const httpProtocolOptions = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** The Cluster that leads into a connector's tunnel, by way of Envoy's internal listener. */
export function tunnelCluster(options: TunnelClusterOptions): Uint8Array {
  const { name, tunnel, internalListener, http2 } = options;
  const metadata = {
    address: { stringValue: `${tunnel.host}:${tunnel.port}` },
    endpoint_id: { stringValue: tunnel.endpointId },
  };
  const endpoint = {
    endpoint: {
      address: { envoy_internal_address: { server_listener_name: internalListener } },
    },
    metadata: { filter_metadata: { tunnel: { fields: metadata } } },
  };
  return encodeMessage('envoy.config.cluster.v3.Cluster', {
    name,
    type: staticDiscovery,
    connect_timeout: { seconds: 5 },
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [endpoint] }] },
    transport_socket: {
      name: 'envoy.transport_sockets.internal_upstream',
      typed_config: anyOf(
        'envoy.extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport',
        {
          passthrough_metadata: [{ kind: { host: {} }, name: 'tunnel' }],
          transport_socket: {
            name: 'envoy.transport_sockets.raw_buffer',
            typed_config: anyOf('envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer', {}),
          },
        },
      ),
    },
    ...(http2 ? { typed_extension_protocol_options: { [httpProtocolOptions]: http2Options } } : {}),
  });
}

const http2Options = anyOf(httpProtocolOptions, {
  explicit_http_config: { http2_protocol_options: {} },
});
