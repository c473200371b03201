import http from 'node:http';
import net from 'node:net';
import { listenOnLoopback } from './listen.ts';
import { proxyWithInternalListener } from './tunnel-listener.ts';

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
  const header = { key: ENDPOINT_HEADER, value: '%DYNAMIC_METADATA(tunnel:endpoint_id)%' };
  const tunneling = {
    hostname: '%DYNAMIC_METADATA(tunnel:address)%',
    headers_to_add: [{ header }],
  };
  const envoyProxy = proxyWithInternalListener(port, { tunneling_config: tunneling });
  return { envoyProxy, seen: () => [...seen], stop };
}
