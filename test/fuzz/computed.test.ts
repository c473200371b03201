import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { computedUntilNow } from '../../fuzz/computed.ts';

function write(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'offramp-fuzz-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'schedstat');
  writeFileSync(file, text);
  return file;
}

it('time that a thread had a processor is what the kernel says of it', () => {
  expect(computedUntilNow(write('12500000 340 7\n'))).toBe(12.5);
});

it.each([
  ['keeps no statistics', () => write('0 0 0\n')],
  ['has no such file', () => join(tmpdir(), 'offramp-fuzz', 'no', 'schedstat')],
])('it is that of the process where the kernel %s', (_what, schedstatOf) => {
  const schedstat = schedstatOf();
  const before = computedUntilNow(schedstat);
  const since = process.cpuUsage();
  while (process.cpuUsage(since).user + process.cpuUsage(since).system < 50_000);
  const computed = computedUntilNow(schedstat) - before;
  expect(computed).toBeGreaterThanOrEqual(50);
  expect(computed).toBeLessThan(5_000);
});
