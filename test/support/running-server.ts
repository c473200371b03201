import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { z } from 'zod';
import { startOfframp } from '../../src/commands/serve.ts';
import { type Config, configSchema } from '../../src/config/schema.ts';
import { connectExtension } from './extension-connection.ts';
import { withFreePorts } from './free-port-configuration.ts';

const lineSchema = z.looseObject({ level: z.number(), msg: z.string() });

/** A line of the log, parsed. */
export type LogLine = z.output<typeof lineSchema>;

/** The real server, in this process, with its files in a folder of its own. */
export interface TestServer {
  readonly grpcAddress: string;
  readonly url: string;
  readonly folder: string;
  readonly stateFile: string;
  readonly log: readonly LogLine[];
  call(rpc: string, request: Uint8Array): Promise<Buffer>;
  get(path: string): Promise<{ readonly status: number; readonly text: string }>;
  stop(): Promise<void>;
}

/**
 * Starts the server on free ports with this state; it is stopped when the test is over. `distort` makes a
 * configuration that no check would let through.
 */
export async function startTestServer(
  state: object | undefined,
  config: Readonly<Record<string, unknown>> = {},
  distort: (config: Config) => Config = (checked) => checked,
): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), 'offramp-test-'));
  const stateFile = join(folder, 'connectors.yaml');
  if (state !== undefined) writeFileSync(stateFile, stringify(state));
  const log: LogLine[] = [];
  const checked = configSchema.parse(withFreePorts(config));
  const offramp = await startOfframp({ config: distort(checked), folder }, logSink(log));
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= offramp.stop();
    return stopped;
  };
  onTestFinished(async () => {
    await stop();
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    grpcAddress: offramp.grpcAddress,
    url: `http://${offramp.httpAddress}`,
    folder,
    stateFile,
    log,
    call: (rpc, request) => callExtension(offramp.grpcAddress, rpc, request),
    async get(path) {
      const answer = await fetch(`http://${offramp.httpAddress}${path}`);
      return { status: answer.status, text: await answer.text() };
    },
    stop,
  };
}

/** Collects pino's lines, parsed. */
export function logSink(log: LogLine[]): Writable {
  return new Writable({
    write(chunk, _encoding, done) {
      log.push(lineSchema.parse(JSON.parse(String(chunk))));
      done();
    },
  });
}

/** Calls one RPC of the extension service with raw bytes. Rejects with gRPC's error. */
export async function callExtension(
  address: string,
  rpc: string,
  request: Uint8Array,
): Promise<Buffer> {
  const connection = connectExtension(address);
  return connection.call(rpc, request).finally(connection.close);
}
