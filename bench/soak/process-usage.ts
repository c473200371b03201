import { readdirSync, readFileSync } from 'node:fs';
import type { OpenThings, Sample } from './verdict.ts';

/** What a process holds now. Linux only; throws when it is gone. */
export function sampleProcess(pid: number): Sample {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kilobytes = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]);
  return { memory: kilobytes * 1024, descriptors: readdirSync(`/proc/${pid}/fd`).length };
}

/** What Node says is open in itself, timers among it, by kind; out of the metrics that it serves. */
export function readOpenThings(metrics: string): OpenThings {
  const lines = metrics.matchAll(/^nodejs_active_resources\{type="([^"]+)"\} (\d+)$/gm);
  return Object.fromEntries([...lines].map(([, type = '', count]) => [type, Number(count)]));
}
