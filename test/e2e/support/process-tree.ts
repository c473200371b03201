import { readdirSync, readFileSync } from 'node:fs';
import process from 'node:process';

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks between boot and the start of the process. */
  readonly startTicks: string;
}

interface ProcessEntry extends ProcessIdentity {
  readonly parent: number;
}

/** The process `pid` as it is now, or undefined when it is gone or a zombie. Linux only. */
export function identify(pid: number): ProcessIdentity | undefined {
  return readEntry(pid);
}

/** All processes below `pid`, children first. Linux only. */
export function descendantsOf(pid: number): readonly ProcessIdentity[] {
  const entries = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readEntry(Number(name)) ?? []);
  const found: ProcessIdentity[] = [];
  const parents = [pid];
  for (let parent = parents.shift(); parent !== undefined; parent = parents.shift()) {
    for (const entry of entries) {
      if (entry.parent !== parent) continue;
      found.push({ pid: entry.pid, startTicks: entry.startTicks });
      parents.push(entry.pid);
    }
  }
  return found;
}

/** Whether that very process still runs (a zombie does not). */
export function isRunning(known: ProcessIdentity): boolean {
  return readEntry(known.pid)?.startTicks === known.startTicks;
}

/** Kills that very process with SIGKILL, and nothing when it is gone. */
export function killNow(target: ProcessIdentity): void {
  if (!isRunning(target)) return;
  try {
    process.kill(target.pid, 'SIGKILL');
  } catch {
    // It ended between the look and the signal.
  }
}

/** The arguments that the process was started with, empty when it is gone. */
export function commandLineOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      .split('\0')
      .filter((part) => part !== '');
  } catch {
    return [];
  }
}

function readEntry(pid: number): ProcessEntry | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The program's name stands in parentheses and may hold spaces: the fields start after the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, parent] = fields;
  const startTicks = fields[19];
  if (state === undefined || parent === undefined || startTicks === undefined) return undefined;
  return state === 'Z' ? undefined : { pid, parent: Number(parent), startTicks };
}
