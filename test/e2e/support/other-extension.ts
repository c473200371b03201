import { join } from 'node:path';
import protobuf from 'protobufjs';
import { loadEnvoyProtos } from '../../../src/protos/envoy-protos.ts';
import { protoFolder } from '../../../src/server/proto-folder.ts';
import { encodeXds } from '../../support/xds.ts';
import { type RecordingHook, startRecordingHook } from './record-hook.ts';

/** The name of the cluster and the listener that it adds. */
export const otherName = 'other-server';

/** The response header that it adds to every virtual host. */
export const otherHeader = 'x-other-server';

const service = new protobuf.Root();
service.resolvePath = (_origin, target) => join(protoFolder(), target);
service.loadSync('envoygateway/extension/service.proto', { keepCase: true });
const envoy = loadEnvoyProtos();

/**
 * Starts an extension server that has nothing to do with Offramp: it decodes every route
 * configuration and encodes it anew with one more response header in each virtual host, and adds a
 * cluster, and a listener at `listenerPort` that answers by itself.
 */
export function startOtherExtension(listenerPort: number): Promise<RecordingHook> {
  const added = {
    clusters: [encodeXds('envoy.config.cluster.v3.Cluster', { name: otherName })],
    listeners: [encodeXds('envoy.config.listener.v3.Listener', listener(listenerPort))],
  };
  return startRecordingHook({
    answer: (request) => {
      const { clusters = [], secrets = [], listeners = [], routes = [] } = readHookRequest(request);
      return encodeHookResponse({
        clusters: [...clusters, ...added.clusters],
        secrets,
        listeners: [...listeners, ...added.listeners],
        routes: routes.map(addHeader),
      });
    },
  });
}

type Lists = Partial<Record<'clusters' | 'secrets' | 'listeners' | 'routes', Uint8Array[]>>;

/** The lists of a hook request, each resource encoded. */
export function readHookRequest(request: Buffer): Lists {
  const type = service.lookupType('envoygateway.extension.PostTranslateModifyRequest');
  return type.toObject(type.decode(request));
}

/** The cluster of a PostClusterModifyRequest, encoded. */
export function decodeClusterRequest(request: Buffer): Uint8Array {
  const type = service.lookupType('envoygateway.extension.PostClusterModifyRequest');
  const { cluster = Buffer.alloc(0) } = type.toObject(type.decode(request));
  return cluster;
}

/** A hook response with these lists. */
export function encodeHookResponse(lists: Lists): Buffer {
  const type = service.lookupType('envoygateway.extension.PostTranslateModifyResponse');
  return Buffer.from(type.encode(type.fromObject(lists)).finish());
}

function addHeader(routeConfiguration: Uint8Array): Uint8Array {
  const type = envoy.lookupType('envoy.config.route.v3.RouteConfiguration');
  const plain = type.toObject(type.decode(routeConfiguration));
  for (const virtualHost of plain.virtual_hosts ?? []) {
    const header = { header: { key: otherHeader, value: 'was here' } };
    virtualHost.response_headers_to_add = [...(virtualHost.response_headers_to_add ?? []), header];
  }
  return type.encode(type.fromObject(plain)).finish();
}

function listener(port: number) {
  const virtualHost = {
    name: otherName,
    domains: ['*'],
    routes: [
      {
        match: { prefix: '/' },
        direct_response: { status: 200, body: { inline_string: otherName } },
      },
    ],
  };
  const manager = {
    '@type': 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: otherName,
    route_config: { name: otherName, virtual_hosts: [virtualHost] },
    http_filters: [
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': 'envoy.extensions.filters.http.router.v3.Router' },
      },
    ],
  };
  return {
    name: otherName,
    address: { socket_address: { address: '127.0.0.1', port_value: port } },
    default_filter_chain: { filters: [{ name: 'http', typed_config: manager }] },
  };
}
