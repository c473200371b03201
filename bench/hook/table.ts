import type { Measurement, Transport } from './measure.ts';
import { nodeSettings } from './settings.ts';

/** A row of the table of results. */
export interface Row {
  readonly contender: string;
  readonly gateways: number;
  readonly transport: Transport;
  readonly median: number;
  /** Its time by that of Offramp, same fleet and transport, of the same rounds. */
  readonly toOfframp: number;
  readonly peakMegabytes: number | undefined;
}

/** The middle value; 0 of nothing. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? 0)) / 2;
}

/** The results as rows, each set against Offramp's of the same rounds. */
export function rowsOf(measurements: readonly Measurement[]): Row[] {
  return measurements.map((one) => {
    const offramp = measurements.find(
      ({ contender, gateways, transport }) =>
        contender === 'offramp' && gateways === one.gateways && transport === one.transport,
    );
    // Round by round, so that what slowed the machine down in one counts once.
    const ratios = one.milliseconds.map((took, round) => {
      const theirs = offramp?.milliseconds[round] ?? Number.NaN;
      return took / theirs;
    });
    return {
      contender: one.contender,
      gateways: one.gateways,
      transport: one.transport,
      median: median(one.milliseconds),
      toOfframp: median(ratios),
      peakMegabytes: one.peakMemory === undefined ? undefined : one.peakMemory / 1e6,
    };
  });
}

/** The results for people. */
export function formatTable(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    String(row.gateways),
    row.transport,
    row.contender,
    row.median.toFixed(1),
    row.toOfframp.toFixed(2),
    row.peakMegabytes?.toFixed(0) ?? '?',
  ]);
  const head = ['gateways', 'over', 'contender', 'median ms', 'by Offramp', 'peak MB'];
  return alignColumns([head, ...cells]);
}

/** What the contenders in Node were started with. */
export function formatSettings(): string {
  const { flags, environment, why } = nodeSettings;
  const given = flags.map((flag): [string, string] => {
    const [name = '', value = ''] = flag.split('=');
    return [name, value];
  });
  const rows = [...Object.entries(environment), ...given].map(([name, value]) => [
    name,
    value,
    why[name] ?? '',
  ]);
  return alignColumns([['every contender', 'is', 'so that'], ...rows]);
}

/** Lines with their columns under each other; numbers to the right. */
export function alignColumns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const isNumber = (text: string) => /^[\d.?]+$/.test(text);
  return rows
    .map((row) =>
      row
        .map((text, column) => {
          const width = widths[column] ?? 0;
          return isNumber(text) ? text.padStart(width) : text.padEnd(width);
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
