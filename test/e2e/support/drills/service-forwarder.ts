import { connect, createServer, type Socket } from 'node:net';
import { listenOnLoopback } from '../listen.ts';

/** An address that leads to one of several servers, as a Service of Kubernetes does. */
export interface ServiceForwarder {
  readonly port: number;
  /**
   * New connections go to these ports in turn; none, and they are refused. Those that are there stay
   * where they are.
   */
  setEndpoints(ports: readonly number[]): void;
  /** The servers that connections lead to now, a port for each connection. */
  connectedTo(): readonly number[];
  stop(): Promise<void>;
}

/** Listens on a free port of the loopback interface, and takes nobody there yet. */
export async function startServiceForwarder(): Promise<ServiceForwarder> {
  const open = new Map<Socket, number>();
  let endpoints: readonly number[] = [];
  let taken = 0;
  const server = createServer((client) => {
    const port = endpoints[taken++ % endpoints.length];
    client.on('error', () => client.destroy());
    if (port === undefined) return void client.resetAndDestroy();
    const endpoint = connect(port, '127.0.0.1');
    open.set(client, port);
    // An end that fails takes the other along, at once and by a reset, as packets that are forwarded do.
    endpoint.on('error', () => client.resetAndDestroy());
    client.on('close', () => {
      open.delete(client);
      endpoint.destroy();
    });
    client.pipe(endpoint).pipe(client);
  });
  const { port, stop } = await listenOnLoopback(server);
  return {
    port,
    setEndpoints: (ports) => {
      endpoints = ports;
    },
    connectedTo: () => [...open.values()],
    stop,
  };
}
