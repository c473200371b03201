import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { z } from 'zod';

const lineSchema = z.looseObject({ level: z.number(), msg: z.string() });
const servingSchema = z.looseObject({ grpc: z.string(), http: z.string() });

/** The real `offramp serve`, as a process of its own whose log goes into a file. */
export interface OfframpUnderTest {
  readonly pid: number;
  readonly grpcAddress: string;
  readonly httpAddress: string;
  /** Lines of its log that say error or worse. */
  errors(): readonly string[];
  /** SIGTERM; how it ended, in words, or undefined for exit status 0. */
  stop(): Promise<string | undefined>;
}

/** Starts it on free ports, with files in this folder. */
export async function startOfframp(
  folder: string,
  configuration: Readonly<Record<string, unknown>>,
): Promise<OfframpUnderTest> {
  const config = join(folder, 'offramp.yaml');
  const logFile = join(folder, 'offramp.log');
  writeFileSync(config, stringify(configuration));
  const log = openSync(logFile, 'w');
  const child = spawn(process.execPath, [join('dist', 'main.js'), 'serve', '--config', config], {
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const killWithUs = () => child.kill('SIGKILL');
  process.once('exit', killWithUs);
  const { grpc, http } = servingSchema.parse(await untilServing(child, logFile));
  return {
    pid: child.pid ?? Number.NaN,
    grpcAddress: grpc,
    httpAddress: http,
    errors: () => readLog(logFile).flatMap(({ level, msg }) => (level >= 50 ? [msg] : [])),
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        const ended = once(child, 'exit');
        child.kill();
        const force = setTimeout(killWithUs, 30_000);
        await ended;
        clearTimeout(force);
      }
      process.off('exit', killWithUs);
      return child.exitCode === 0
        ? undefined
        : `offramp ended with ${child.signalCode ?? `exit status ${child.exitCode}`}`;
    },
  };
}

async function untilServing(child: ChildProcess, logFile: string): Promise<unknown> {
  while (child.exitCode === null) {
    const serving = readLog(logFile).find(({ msg }) => msg === 'serving');
    if (serving !== undefined) return serving;
    await sleep(50);
  }
  throw new Error(`offramp did not come up: ${readFileSync(logFile, 'utf8')}`);
}

function readLog(logFile: string): z.output<typeof lineSchema>[] {
  const whole = readFileSync(logFile, 'utf8').split('\n').slice(0, -1);
  return whole.flatMap((line) => {
    if (!line.startsWith('{')) return [];
    return [lineSchema.parse(JSON.parse(line))];
  });
}
