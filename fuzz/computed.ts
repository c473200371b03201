import { readFileSync } from 'node:fs';

/** Milliseconds that this thread had a processor; that the process had one, where nothing tells of threads. */
export function computedUntilNow(schedstat = '/proc/thread-self/schedstat'): number {
  const ofThread = readNanoseconds(schedstat);
  // A kernel that keeps no such statistics says zero, for good.
  if (ofThread > 0) return ofThread / 1e6;
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e3;
}

function readNanoseconds(schedstat: string): number {
  try {
    return Number.parseInt(readFileSync(schedstat, 'utf8'), 10);
  } catch {
    return 0;
  }
}
