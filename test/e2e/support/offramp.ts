import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { stringify } from 'yaml';
import { z } from 'zod';
import { withFreePorts } from '../../support/free-port-configuration.ts';
import { startProcess } from './child-process.ts';
import { waitFor } from './wait-for.ts';

/** One line of Offramp's log; fields beside these come through. */
const lineSchema = z.looseObject({ msg: z.string() });

/** A line of Offramp's log. */
export type LogLine = z.output<typeof lineSchema>;

/** The built `offramp serve`, as a process of its own. */
export interface OfframpProcess {
  readonly pid: number;
  /** NaN over a unix socket. */
  readonly port: number;
  /** Base of the HTTP endpoint. */
  readonly url: string;
  readonly configFile: string;
  readonly stateFile: string;
  /** Gets the log as it is printed. */
  readonly logFile: string;
  /** Everything logged so far. */
  log(): readonly LogLine[];
  writeState(state: object | string): Promise<void>;
  stop(): Promise<void>;
}

const servingSchema = z.looseObject({ grpc: z.string(), http: z.string() });

/**
 * Starts `node dist/main.js serve` with these flags, on free ports, with a state file; every change
 * is logged.
 */
export async function startOfframpProcess(
  state: object,
  config: Readonly<Record<string, unknown>> = {},
  flags: readonly string[] = [],
): Promise<OfframpProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'offramp-e2e-'));
  const stateFile = join(folder, 'connectors.yaml');
  await writeFile(stateFile, stringify(state));
  const configFile = join(folder, 'offramp.yaml');
  const logFile = join(folder, 'offramp.log');
  await writeFile(configFile, stringify(withFreePorts({ log: { level: 'debug' }, ...config })));
  const server = await startProcess({
    name: 'offramp',
    command: process.execPath,
    // Tests and demo alike run in the root of the checkout.
    args: [resolve('dist', 'main.js'), 'serve', '-c', configFile, ...flags],
    logFile,
  });
  const log = () => parseLog(server.log());
  const stop = async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  };
  const serving = await waitFor('offramp to serve', () => log().find(isServing), {
    timeoutMs: 10_000,
  }).catch(async (error: unknown) => {
    const text = server.log();
    await stop();
    throw new Error(`offramp did not come up:\n${text}`, { cause: error });
  });
  const { grpc, http } = servingSchema.parse(serving);
  return {
    pid: server.pid,
    port: Number(grpc.slice(grpc.lastIndexOf(':') + 1)),
    url: `http://${http}`,
    configFile,
    stateFile,
    logFile,
    log,
    writeState: (next) => writeFile(stateFile, typeof next === 'string' ? next : stringify(next)),
    stop,
  };
}

function isServing({ msg }: LogLine): boolean {
  return msg === 'serving';
}

function parseLog(text: string): LogLine[] {
  const lines = text.split('\n').slice(0, -1);
  return lines.flatMap((line) => {
    if (!line.startsWith('{')) return [];
    const parsed = lineSchema.safeParse(JSON.parse(line));
    return parsed.success ? [parsed.data] : [];
  });
}
