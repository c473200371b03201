import { readFileSync } from 'node:fs';

/** Milliseconds that this thread had a processor; that the process had one, where nothing tells of threads. */
export function computedUntilNow(): number {
  try {
    const [nanoseconds] = readFileSync('/proc/thread-self/schedstat', 'utf8').split(' ');
    return Number(nanoseconds) / 1e6;
  } catch {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e3;
  }
}
