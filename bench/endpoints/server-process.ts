import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { z } from 'zod';
import type { EndpointSource } from '../../src/rewrites/pipeline.ts';
import {
  connectExtension,
  type ExtensionConnection,
} from '../../test/support/extension-connection.ts';

/** What a server is started with, and the folder for its socket. */
export interface ServedWorld {
  readonly endpoints: EndpointSource;
  readonly clusters: number;
  readonly folder: string;
}

/** Offramp's server in a process of its own, and a kept connection to it over each transport. */
export interface BenchServer {
  readonly tcp: ExtensionConnection;
  readonly unix: ExtensionConnection;
  stop(): Promise<void>;
}

const addressesSchema = z.object({ tcp: z.string(), unix: z.string() });

/** Starts it. */
export async function startServer(world: ServedWorld): Promise<BenchServer> {
  const child = fork(join(import.meta.dirname, 'serve.js'), [JSON.stringify(world)]);
  const exited = once(child, 'exit');
  const [message] = await Promise.race([
    once(child, 'message'),
    exited.then(([code]) => Promise.reject(new Error(`the server exited with ${code}`))),
  ]);
  const addresses = addressesSchema.parse(message);
  const tcp = connectExtension(addresses.tcp);
  const unix = connectExtension(addresses.unix);
  return {
    tcp,
    unix,
    async stop() {
      tcp.close();
      unix.close();
      child.disconnect();
      await exited;
    },
  };
}
