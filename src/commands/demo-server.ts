import { join } from 'node:path';
import { Writable } from 'node:stream';
import { configSchema } from '../config/schema.ts';
import { OfframpError } from '../errors.ts';
import { type RunningOfframp, startOfframp } from './serve.ts';

/**
 * Starts the demo's server in its folder, and collects what it logs: the defaults, but for a socket of its
 * own, and a free HTTP port where another process has the default one. Throws OfframpError.
 */
export async function startDemoServer(folder: string, logged: string[]): Promise<RunningOfframp> {
  const sink = new Writable({
    write(chunk, _encoding, done) {
      logged.push(String(chunk));
      done();
    },
  });
  const config = configSchema.parse({ grpc: { address: `unix:${socketIn(folder)}` } });
  try {
    return await startOfframp({ config, folder }, sink);
  } catch (error) {
    if (!(error instanceof OfframpError && error.code === 'address-unusable')) throw error;
    const http = { ...config.http, address: '127.0.0.1:0' };
    return startOfframp({ config: { ...config, http }, folder }, sink);
  }
}

/** Where the demo is called. */
export function socketIn(folder: string): string {
  return join(folder, 'offramp.sock');
}
