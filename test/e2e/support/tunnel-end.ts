import http from 'node:http';
import net from 'node:net';
import { stringify } from 'yaml';
import { listenOnLoopback } from './listen.ts';

/** A connection that came out of a tunnel, by the metadata with which it went in. */
export interface SeenTunnel {
  readonly address: string;
  readonly endpointId: string;
}

/**
 * Stands where the connectors are: each connection out of Envoy's internal listener says by CONNECT
 * which address it wants, and at which endpoint, and is connected to that address.
 */
export interface TunnelEnd {
  /** An EnvoyProxy's spec whose Envoy has the internal listener `connector-tunnel` that leads here. */
  readonly envoyProxy: Readonly<Record<string, unknown>>;
  /** The connections so far. */
  seen(): readonly SeenTunnel[];
  stop(): Promise<void>;
}

const ENDPOINT_HEADER = 'x-endpoint-id';

/** Starts the far end of tunnels to servers on 127.0.0.1. */
export async function startTunnelEnd(): Promise<TunnelEnd> {
  const seen: SeenTunnel[] = [];
  const server = http.createServer();
  server.on('connect', (request, near, head) => {
    const address = request.url ?? '';
    seen.push({ address, endpointId: String(request.headers[ENDPOINT_HEADER]) });
    const port = Number(address.slice(address.lastIndexOf(':') + 1));
    if (!(port > 0)) return void near.end('HTTP/1.1 400 Bad Request\r\n\r\n');
    const far = net.connect({ host: '127.0.0.1', port }, () => {
      near.write('HTTP/1.1 200 OK\r\n\r\n');
      far.write(head);
      near.pipe(far).pipe(near);
    });
    near.on('error', () => far.destroy());
    far.on('error', () => near.destroy());
  });
  const { port, stop } = await listenOnLoopback(server);
  return { envoyProxy: proxyWithTunnelListener(port), seen: () => [...seen], stop };
}

/** Envoy has an internal listener only by bootstrap: Envoy Gateway makes none. */
function proxyWithTunnelListener(endPort: number): Readonly<Record<string, unknown>> {
  const address = { socket_address: { address: '127.0.0.1', port_value: endPort } };
  const header = { key: ENDPOINT_HEADER, value: '%DYNAMIC_METADATA(tunnel:endpoint_id)%' };
  const tcpProxy = {
    name: 'tcp',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
      stat_prefix: 'tunnel',
      cluster: 'tunnel-end',
      tunneling_config: {
        hostname: '%DYNAMIC_METADATA(tunnel:address)%',
        headers_to_add: [{ header }],
      },
    },
  };
  const value = stringify({
    bootstrap_extensions: [
      {
        name: 'envoy.bootstrap.internal_listener',
        typed_config: {
          '@type':
            'type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener',
        },
      },
    ],
    static_resources: {
      listeners: [
        {
          name: 'connector-tunnel',
          internal_listener: {},
          filter_chains: [{ filters: [tcpProxy] }],
        },
      ],
      clusters: [
        {
          name: 'tunnel-end',
          connect_timeout: '5s',
          type: 'STATIC',
          load_assignment: {
            cluster_name: 'tunnel-end',
            endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }],
          },
        },
      ],
    },
  });
  return {
    extraArgs: ['--disable-hot-restart'],
    concurrency: 1,
    bootstrap: { type: 'Merge', value },
  };
}
