import { alignColumns } from '../hook/table.ts';
import type { SoakResult } from './run-soak.ts';
import type { Sample } from './verdict.ts';

/** What a soak counted and how it ended, for people. */
export function formatResult({ counts, samples, failures, verdict }: SoakResult): string {
  const { thirds, growth, leaked, reasons } = verdict;
  const third = Math.floor(samples.length / 3);
  const spans = [
    ['first third', thirds[0], samples.slice(0, third)],
    ['second third', thirds[1], samples.slice(third, -third)],
    ['last third', thirds[2], samples.slice(-third)],
  ] as const;
  const rows = [
    ['', 'memory, mean MB', 'peak MB', 'descriptors'],
    ...spans.map(([name, mean, those]) => [name, megabytes(mean), ...extremes(those)]),
  ];
  const done = Object.entries(counts).map(([what, count]) => `${count} ${what}`);
  return [
    alignColumns(rows),
    '',
    `${done.join(', ')}, ${failures.length} failures`,
    `the last third has ${growth.toFixed(2)} times the memory of the first`,
    leaked.length === 0 ? 'nothing was left open' : `left open: ${leaked.join(', ')}`,
    reasons.length === 0 ? 'passed' : `FAILED: ${reasons.join('; ')}`,
  ].join('\n');
}

function extremes(samples: readonly Sample[]): string[] {
  const descriptors = samples.map((sample) => sample.descriptors);
  return [
    megabytes(Math.max(...samples.map(({ memory }) => memory))),
    `${Math.min(...descriptors)} to ${Math.max(...descriptors)}`,
  ];
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}
