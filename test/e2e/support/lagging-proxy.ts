import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';

/** A way to the API server on which what it says can be held up, as on a slow network. */
export interface LaggingProxy {
  /** A copy of the kubeconfig that leads this way. */
  readonly kubeconfig: string;
  /** From now on nothing that the server says arrives. */
  hold(): void;
  /** All of it arrives, in its order. */
  release(): void;
  stop(): Promise<void>;
}

/** Listens on a free port of the loopback interface. */
export async function startLaggingProxy(url: string, kubeconfig: string): Promise<LaggingProxy> {
  const target = new URL(url);
  const upstreams = new Set<Socket>();
  let isHeld = false;
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    upstreams.add(upstream);
    const end = (): void => {
      upstreams.delete(upstream);
      upstream.destroy();
      client.destroy();
    };
    for (const socket of [client, upstream]) socket.on('error', end).on('close', end);
    client.pipe(upstream);
    upstream.on('data', (bytes) => client.write(bytes));
    if (isHeld) upstream.pause();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const lagging = `${kubeconfig}.lagging`;
  const text = await readFile(kubeconfig, 'utf8');
  await writeFile(lagging, text.replaceAll(target.host, `${target.hostname}:${port}`));
  return {
    kubeconfig: lagging,
    hold: () => {
      isHeld = true;
      for (const upstream of upstreams) upstream.pause();
    },
    release: () => {
      isHeld = false;
      for (const upstream of upstreams) upstream.resume();
    },
    stop: async () => {
      for (const upstream of upstreams) upstream.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
