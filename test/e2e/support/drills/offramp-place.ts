import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { stringify } from 'yaml';
import { withFreePorts } from '../../../support/free-port-configuration.ts';
import { type StartedProcess, startProcess } from '../child-process.ts';
import { freePort } from '../free-ports.ts';
import { waitFor } from '../wait-for.ts';
import { drillState } from './drill-gateway.ts';

/** Files and ports of one `offramp serve`, which outlive it: it can be ended and started again there. */
export interface OfframpPlace {
  readonly folder: string;
  readonly configFile: string;
  readonly stateFile: string;
  readonly grpcPort: number;
  readonly httpPort: number;
  /** What the files have in them when nothing is wrong. */
  readonly texts: { readonly config: string; readonly state: string };
  /** Writes both files as they have to be. */
  restore(): Promise<void>;
  /** Starts it, and returns at once. */
  launch(): Promise<StartedProcess>;
  /** Starts it, by these words in front, with these flags; returns when it serves or has ended. */
  start(flags?: readonly string[], through?: readonly string[]): Promise<StartedProcess>;
  /** A line of its metrics, by what it begins with. */
  metric(name: string): Promise<number>;
  get(path: string): Promise<{ readonly status: number; readonly text: string }>;
  remove(): Promise<void>;
}

/** What differs from plain text with the state of the drills in a file. */
export interface PlaceSettings {
  readonly tls?: Readonly<Record<string, string>>;
  readonly state?: Readonly<Record<string, unknown>>;
}

/** Makes the folder and its files. */
export async function makeOfframpPlace(settings: PlaceSettings = {}): Promise<OfframpPlace> {
  const folder = await mkdtemp(join(tmpdir(), 'offramp-e2e-'));
  const configFile = join(folder, 'offramp.yaml');
  const stateFile = join(folder, 'state', 'connectors.yaml');
  const [grpcPort, httpPort] = [await freePort(), await freePort()];
  const texts = {
    config: stringify(
      withFreePorts({
        grpc: {
          address: `127.0.0.1:${grpcPort}`,
          ...(settings.tls === undefined ? {} : { tls: settings.tls }),
        },
        http: { address: `127.0.0.1:${httpPort}` },
        state: settings.state ?? { file: { path: stateFile } },
      }),
    ),
    state: stringify(drillState),
  };
  const get = async (path: string) => {
    const answer = await fetch(`http://127.0.0.1:${httpPort}${path}`);
    return { status: answer.status, text: await answer.text() };
  };
  return {
    folder,
    configFile,
    stateFile,
    grpcPort,
    httpPort,
    texts,
    get,
    restore: () => restore(configFile, stateFile, texts),
    launch: () => launch(serve(configFile, [])),
    start: (flags = [], through = []) => start([...through, ...serve(configFile, flags)]),
    metric: async (name) => {
      const lines = (await get('/metrics')).text.split('\n');
      const line = lines.find((one) => one.startsWith(`${name} `));
      return Number(line?.slice(name.length));
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

async function restore(
  configFile: string,
  stateFile: string,
  { config, state }: OfframpPlace['texts'],
): Promise<void> {
  for (const [file, text] of [
    [configFile, config],
    [stateFile, state],
  ] as const) {
    await rm(file, { recursive: true, force: true });
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
}

function serve(configFile: string, flags: readonly string[]): readonly string[] {
  return [process.execPath, resolve('dist', 'main.js'), 'serve', '-c', configFile, ...flags];
}

function launch([command = '', ...args]: readonly string[]): Promise<StartedProcess> {
  return startProcess({ name: 'offramp', command, args });
}

async function start(words: readonly string[]): Promise<StartedProcess> {
  const server = await launch(words);
  const isDecided = () => server.ending() !== undefined || server.log().includes('"serving"');
  await waitFor('offramp to serve or to end', isDecided, { timeoutMs: 30_000, intervalMs: 20 });
  return server;
}
