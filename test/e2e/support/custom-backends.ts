import { type handleUnaryCall, Server, type ServiceDefinition } from '@grpc/grpc-js';
import { parseClusterName } from '../../../src/xds/names.ts';
import { bindGrpcServer } from '../../support/bind-grpc-server.ts';
import { decodeXds, encodeXds } from '../../support/xds.ts';
import { decodeClusterRequest, encodeHookResponse, readHookRequest } from './other-extension.ts';

/** Where the custom backends of the routes of each kind really are: ports of the loopback interface. */
export type CustomPorts = Readonly<Record<'httproute' | 'grpcroute', number>>;

/** An extension server that owns a kind of backend. */
export interface CustomBackends {
  /** Its entry of `extensionManagers`. */
  readonly extensionManager: Readonly<Record<string, unknown>>;
  /** The clusters that PostClusterModify was called for, in their order. */
  clusters(): readonly string[];
  stop(): Promise<void>;
}

const clusterType = 'envoy.config.cluster.v3.Cluster';
const asIs = (bytes: Buffer): Buffer => bytes;

const service = Object.fromEntries(
  ['PostClusterModify', 'PostTranslateModify'].map((rpc) => [
    rpc,
    {
      path: `/envoygateway.extension.EnvoyGatewayExtension/${rpc}`,
      requestStream: false,
      responseStream: false,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    },
  ]),
) satisfies ServiceDefinition;

/**
 * Starts an extension server for backends of the kind StaticBackend. A rule's first backendRef is one:
 * Envoy Gateway makes a cluster without endpoints for it, and this server gives it its endpoint. Of an
 * HTTPRoute in PostClusterModify, which is not called for a GRPCRoute: of that in PostTranslateModify.
 */
export async function startCustomBackends(ports: CustomPorts): Promise<CustomBackends> {
  const seen: string[] = [];
  const fill = (cluster: Uint8Array, kind: keyof CustomPorts): Uint8Array => {
    const name = String(decodeXds(clusterType, cluster).name);
    const parsed = parseClusterName(name);
    const isCustom =
      parsed?.kind === kind && parsed.backend === 0 && parsed.name.includes('custom');
    return isCustom ? encodeXds(clusterType, staticCluster(name, ports[kind], kind)) : cluster;
  };
  const answers: Readonly<Record<string, (request: Buffer) => Buffer>> = {
    PostClusterModify: (request) => {
      const cluster = decodeClusterRequest(request);
      seen.push(String(decodeXds(clusterType, cluster).name));
      return encodeHookResponse({ clusters: [fill(cluster, 'httproute')] });
    },
    PostTranslateModify: (request) => {
      const { clusters = [] } = readHookRequest(request);
      return encodeHookResponse({ clusters: clusters.map((one) => fill(one, 'grpcroute')) });
    },
  };
  const server = new Server({ 'grpc.max_receive_message_length': -1 });
  const implement =
    (rpc: string): handleUnaryCall<Buffer, Buffer> =>
    (call, respond) =>
      respond(null, answers[rpc]?.(call.request) ?? Buffer.alloc(0));
  server.addService(
    service,
    Object.fromEntries(Object.keys(service).map((rpc) => [rpc, implement(rpc)])),
  );
  const port = await bindGrpcServer(server);
  return {
    extensionManager: {
      name: 'custom',
      backendResources: [{ group: 'testbed.offramp.dev', version: 'v1', kind: 'StaticBackend' }],
      hooks: {
        xdsTranslator: {
          post: ['Cluster', 'Translation'],
          translation: {
            cluster: { includeAll: true },
            listener: { includeAll: false },
            route: { includeAll: false },
            secret: { includeAll: false },
          },
        },
      },
      service: { fqdn: { hostname: '127.0.0.1', port } },
    },
    clusters: () => [...seen],
    stop: async () => server.forceShutdown(),
  };
}

function staticCluster(name: string, port: number, kind: keyof CustomPorts): object {
  const address = { socket_address: { address: '127.0.0.1', port_value: port } };
  return {
    name,
    type: 0,
    connect_timeout: { seconds: 5 },
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }],
    },
    ...(kind === 'grpcroute' ? { http2_protocol_options: {} } : {}),
  };
}
