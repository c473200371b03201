import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import process from 'node:process';
import {
  descendantsOf,
  identify,
  isRunning,
  killNow,
  type ProcessIdentity,
} from './process-tree.ts';
import { waitFor } from './wait-for.ts';

/** What to start, and where its output goes. */
export interface StartOptions {
  /** How messages call it. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Gets everything that the process prints; without it only the last lines are kept, in memory. */
  readonly logFile?: string;
}

/** A process that the testbed started and will stop. */
export interface StartedProcess {
  readonly name: string;
  readonly pid: number;
  /** The last part (up to 1 MiB) of what it printed on both outputs. */
  log(): string;
  /** Waits until `pattern` occurs in the log; throws early when the process ends without it. */
  waitForLog(pattern: RegExp, timeoutMs: number): Promise<RegExpExecArray>;
  /** How it ended, or undefined while it runs. */
  ending(): string | undefined;
  /**
   * SIGTERM, and after `graceMs` (5 s) SIGKILL for it and for every descendant that is left. Returns
   * when all of them are gone. Harmless when called again.
   */
  stop(graceMs?: number): Promise<void>;
}

const LOG_KEPT = 1024 * 1024;
const GRACE_MS = 5_000;
const KILL_TIMEOUT_MS = 5_000;

const living = new Set<ProcessIdentity>();
let watchingForExit = false;

/** Starts a process; rejects when it cannot be started at all. */
export async function startProcess(options: StartOptions): Promise<StartedProcess> {
  const child = spawn(options.command, options.args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const log = keepLog(child, options.logFile);
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (cause) => {
      reject(new Error(`testbed: cannot start ${options.name}`, { cause }));
    });
  });
  const pid = child.pid;
  if (pid === undefined) throw new Error(`testbed: ${options.name} has no process id`);
  const identity = identify(pid) ?? { pid, startTicks: 'already gone' };
  killAtExit(identity);
  const ending = (): string | undefined => describeEnding(child);

  return {
    name: options.name,
    pid,
    log,
    ending,
    waitForLog: (pattern, timeoutMs) =>
      waitForLine({ name: options.name, log, ending }, pattern, timeoutMs),
    stop: async (graceMs = GRACE_MS) => {
      await stopTree(child, identity, graceMs);
      // It is gone a moment before Node says how it ended.
      await waitFor(`the end of ${options.name}`, ending, {
        timeoutMs: KILL_TIMEOUT_MS,
        intervalMs: 5,
      });
      living.delete(identity);
    },
  };
}

function keepLog(child: ChildProcess, logFile: string | undefined): () => string {
  let text = '';
  const file = logFile === undefined ? undefined : createWriteStream(logFile, { flags: 'a' });
  // The folder may be removed before the last line arrives.
  file?.on('error', () => undefined);
  const keep = (chunk: Buffer): void => {
    text = (text + chunk.toString('utf8')).slice(-LOG_KEPT);
    file?.write(chunk);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  child.once('close', () => file?.end());
  return () => text;
}

function describeEnding(child: ChildProcess): string | undefined {
  if (child.signalCode !== null) return `signal ${child.signalCode}`;
  return child.exitCode === null ? undefined : `exit status ${child.exitCode}`;
}

async function waitForLine(
  { name, log, ending }: Pick<StartedProcess, 'name' | 'log' | 'ending'>,
  pattern: RegExp,
  timeoutMs: number,
): Promise<RegExpExecArray> {
  const deadline = { timeoutMs, intervalMs: 50 };
  const search = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''));
  const found = await waitFor(
    `${search} in the log of ${name}`,
    () => search.exec(log()) ?? ending(),
    deadline,
  );
  if (typeof found === 'string') {
    throw new Error(
      `testbed: ${name} ended with ${found} before ${search}:\n${log().slice(-4000)}`,
    );
  }
  return found;
}

async function stopTree(
  child: ChildProcess,
  root: ProcessIdentity,
  graceMs: number,
): Promise<void> {
  // Collected before the signal: an orphan has another parent.
  const tree = [root, ...descendantsOf(root.pid)].filter(isRunning);
  if (tree.length === 0) return;
  // How it ended is known a moment later than that it ended.
  const gone = (): boolean => describeEnding(child) !== undefined && !tree.some(isRunning);
  child.kill('SIGTERM');
  try {
    await waitFor('the process to end', gone, { timeoutMs: graceMs, intervalMs: 20 });
  } catch {
    for (const member of [...descendantsOf(root.pid), ...tree]) killNow(member);
    const what = `process ${root.pid} and its descendants to end`;
    await waitFor(what, gone, { timeoutMs: KILL_TIMEOUT_MS, intervalMs: 20 });
  }
}

/** A test run that ends without its teardown takes its processes along (not when it is killed itself). */
function killAtExit(identity: ProcessIdentity): void {
  living.add(identity);
  if (watchingForExit) return;
  watchingForExit = true;
  const killAll = (): void => {
    for (const root of living) {
      const tree = [...descendantsOf(root.pid), root];
      for (const member of tree) killNow(member);
    }
  };
  process.on('exit', killAll);
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      killAll();
      process.kill(process.pid, signal);
    });
  }
}
