import type { Tunnel } from '../../state/connectors.ts';
import { BackwardWriter } from '../../xds/backward-writer.ts';
import { anyOf, encodeMessage, lazily, madeOnce } from '../../xds/build.ts';
import { encodeField } from '../../xds/encoding.ts';
import type { FieldRef } from '../../xds/field-ref.ts';
import { fields } from '../../xds/fields.ts';
import type { OfflineResponse } from './settings.ts';

const { Cluster, ClusterLoadAssignment, LocalityLbEndpoints, LbEndpoint } = fields;
const { Metadata, Struct, Value, MapEntry, VirtualHost, Route, RouteAction } = fields;

/** Thousands of messages a call are made of these small pieces. */
const writer = new BackwardWriter();

/**
 * A cluster name that exists nowhere. A route to it is answered 503 by Envoy itself, also for
 * upgrades, which a direct response cannot answer (Envoy would say 403).
 */
export const absentCluster = 'offramp-connector-offline';

const routeAction = 'envoy.config.route.v3.RouteAction';
const overwriteIfExistsOrAdd = 2;
const notFoundIsServiceUnavailable = 0;

/** The configured answer to a request whose connector is offline, as whole fields of a Route. */
export interface OfflineAnswer {
  readonly directResponse: Uint8Array;
  /** `response_headers_to_add`, one for each header. */
  readonly headers: readonly Uint8Array[];
  /** Why the configured body is left out; undefined when it is not. */
  readonly withoutBody?: string;
}

/** The configured answer, encoded once for all routes. */
export class OfflineAnswers {
  readonly #whole: OfflineAnswer;
  readonly #bare: OfflineAnswer;
  readonly #length: number;

  constructor(response: OfflineResponse) {
    this.#whole = encodeAnswer(response);
    this.#bare = encodeAnswer({ ...response, body: '' });
    this.#length = Buffer.byteLength(response.body);
  }

  /**
   * What it is in a route configuration with this limit of bytes: without its body, rather than that
   * Envoy refuses everything.
   */
  within(limit: number): OfflineAnswer {
    if (this.#length <= limit) return this.#whole;
    const withoutBody = `it has ${this.#length} bytes, and the route configuration allows ${limit}`;
    return { ...this.#bare, withoutBody };
  }
}

/** Kept with the settings, which say all of it. */
const answers = new WeakMap<OfflineResponse, OfflineAnswers>();

/** The configured answer, for whatever route configuration. */
export function offlineAnswers(response: OfflineResponse): OfflineAnswers {
  const known = answers.get(response);
  if (known !== undefined) return known;
  const made = new OfflineAnswers(response);
  answers.set(response, made);
  return made;
}

function encodeAnswer({ status, body, headers }: OfflineResponse): OfflineAnswer {
  const text = body === '' ? {} : { body: { inline_string: body } };
  return {
    directResponse: encodeMessage('envoy.config.route.v3.Route', {
      direct_response: { status, ...text },
    }),
    headers: Object.entries(headers).map(([key, value]) =>
      encodeField(
        fields.Route.response_headers_to_add,
        encodeMessage('envoy.config.core.v3.HeaderValueOption', {
          header: { key, value: value.replaceAll('%', '%%') }, // a single % starts an Envoy command
          append_action: overwriteIfExistsOrAdd,
        }),
      ),
    ),
  };
}

/** A RouteAction to the absent cluster that accepts this upgrade, so that it gets the 503. */
export const absentClusterAction = madeOnce((upgrade) =>
  encodeMessage(routeAction, {
    cluster: absentCluster,
    cluster_not_found_response_code: notFoundIsServiceUnavailable,
    upgrade_configs: [{ upgrade_type: upgrade }],
  }),
);

/** A HeaderMatcher for requests that ask for this upgrade (HTTP/2's come in the same form). */
export const upgradeHeaderMatcher = madeOnce((upgrade) =>
  encodeMessage('envoy.config.route.v3.HeaderMatcher', {
    name: 'upgrade',
    string_match: { exact: upgrade, ignore_case: true },
  }),
);

const matchConnect = lazily(() =>
  encodeMessage('envoy.config.route.v3.Route', {
    match: { connect_matcher: {} },
  }),
);

/** What a CONNECT route does: tunnels through a cluster, or what these fields of Route say. */
type ConnectAction = { readonly cluster: string } | { readonly fields: readonly Uint8Array[] };

/**
 * The field of a virtual host with a Route for CONNECT, made of its action and the HTTP filters that it
 * needs (fields of Route, encoded).
 */
export function connectRoute(
  name: string,
  action: ConnectAction,
  filters: readonly Uint8Array[],
): Uint8Array {
  writer.begin();
  writer.all(filters);
  if ('cluster' in action) writeTunnelAction(action.cluster, writer);
  else writer.all(action.fields);
  writer.text(Route.name, name);
  wrapConnectRoute(0, writer);
  return writer.finish();
}

/** Makes what was written since there were `behind` bytes, a name in front, the field of a Route for CONNECT. */
export function wrapConnectRoute(behind: number, to: BackwardWriter): void {
  to.bytes(matchConnect());
  to.wrap(VirtualHost.routes, behind);
}

const upgradeConnect = lazily(() =>
  encodeMessage(routeAction, {
    upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} }],
  }),
);

/** Writes the action of a Route whose CONNECT requests go through a tunnel, in front of what a writer has. */
export function writeTunnelAction(cluster: string, to: BackwardWriter): void {
  const behind = to.length;
  to.bytes(upgradeConnect());
  to.text(RouteAction.cluster, cluster);
  to.wrap(Route.route, behind);
}

/** An HttpConnectionManager.UpgradeConfig that lets CONNECT reach the routes. */
export const connectUpgrade = lazily(() =>
  encodeMessage(
    'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.UpgradeConfig',
    { upgrade_type: 'CONNECT' },
  ),
);

/** What a tunnel cluster is made from. */
export interface TunnelClusterOptions {
  readonly name: string;
  readonly tunnel: Tunnel;
  readonly internalListener: string;
  /** Whether the upstream is spoken to in HTTP/2, as gRPC needs. */
  readonly http2: boolean;
}

const clusterType = 'envoy.config.cluster.v3.Cluster';
const staticDiscovery = 0;
const httpProtocolOptions = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** What all tunnel clusters have in common. */
const tunnelRest = lazily(() =>
  encodeMessage(clusterType, {
    type: staticDiscovery,
    connect_timeout: { seconds: 5 },
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
  }),
);

const http2Rest = lazily(() =>
  encodeMessage(clusterType, {
    typed_extension_protocol_options: {
      [httpProtocolOptions]: anyOf(httpProtocolOptions, {
        explicit_http_config: { http2_protocol_options: {} },
      }),
    },
  }),
);

/** The LbEndpoint's part that names the internal listener. */
const internalEndpoint = madeOnce((internalListener) =>
  encodeMessage('envoy.config.endpoint.v3.LbEndpoint', {
    endpoint: { address: { envoy_internal_address: { server_listener_name: internalListener } } },
  }),
);

/** Where a tunnel ends, as the field of a ClusterLoadAssignment. */
interface TunnelEnd {
  readonly internalListener: string;
  readonly endpoints: Uint8Array;
}

/**
 * Kept with the state: it says all of this. What is not of the state, as the names of clusters, which a
 * snapshot says, is not kept.
 */
const tunnelEnds = new WeakMap<Tunnel, TunnelEnd>();

function tunnelEnd({ tunnel, internalListener }: TunnelClusterOptions): Uint8Array {
  const known = tunnelEnds.get(tunnel);
  if (known?.internalListener === internalListener) return known.endpoints;
  writer.begin();
  writeStructText('endpoint_id', tunnel.endpointId);
  writeStructText('address', `${tunnel.host}:${tunnel.port}`);
  writeMapEntry(Metadata.filter_metadata, 'tunnel', 0);
  writer.wrap(LbEndpoint.metadata, 0);
  writer.bytes(internalEndpoint(internalListener));
  writer.wrap(LocalityLbEndpoints.lb_endpoints, 0);
  writer.wrap(ClusterLoadAssignment.endpoints, 0);
  const endpoints = writer.finish().slice(); // a view would keep what else its buffer has of this call
  tunnelEnds.set(tunnel, { internalListener, endpoints });
  return endpoints;
}

/** The Cluster that leads into a connector's tunnel, by way of Envoy's internal listener. */
export function tunnelCluster(options: TunnelClusterOptions): Uint8Array {
  const endpoints = tunnelEnd(options);
  const { name, http2 } = options;
  writer.begin();
  if (http2) writer.bytes(http2Rest());
  const behind = writer.length;
  writer.bytes(endpoints);
  writer.text(ClusterLoadAssignment.cluster_name, name);
  writer.wrap(Cluster.load_assignment, behind);
  writer.bytes(tunnelRest());
  writer.text(Cluster.name, name);
  return writer.finish();
}

function writeStructText(key: string, text: string): void {
  const behind = writer.length;
  writer.text(Value.string_value, text);
  writeMapEntry(Struct.fields, key, behind);
}

/** Makes what was written since there were `behind` bytes the value of a map's entry. */
function writeMapEntry(map: FieldRef, key: string, behind: number): void {
  writer.wrap(MapEntry.value, behind);
  writer.text(MapEntry.key, key);
  writer.wrap(map, behind);
}
