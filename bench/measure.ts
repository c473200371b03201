/** Milliseconds that some work took. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/** The middle value; with an even number of them the lower of the two in the middle. */
export function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[(values.length - 1) >> 1] ?? Number.NaN;
}

/** One thing that is measured, under the name of its row. */
export interface Contender {
  readonly name: string;
  measure(): Promise<number>;
}

/** Measures each once, round after round, so that a slow moment of the machine meets all of them. */
export async function interleave(
  contenders: readonly Contender[],
  rounds: number,
): Promise<ReadonlyMap<string, readonly number[]>> {
  const times = new Map(contenders.map(({ name }): [string, number[]] => [name, []]));
  for (let round = -1; round < rounds; round++) {
    for (const { name, measure } of contenders) {
      const time = await measure();
      if (round >= 0) times.get(name)?.push(time); // the first round warms up
    }
  }
  return times;
}

/** A Markdown table row. */
export function printRow(cells: readonly (string | number)[]): void {
  process.stdout.write(`| ${cells.map(text).join(' | ')} |\n`);
}

function text(cell: string | number): string {
  if (typeof cell === 'string') return cell;
  return cell >= 100 ? cell.toFixed(0) : cell.toFixed(1);
}

/** The number behind `--<name>` on the command line. */
export function numberOption(name: string, fallback: number): number {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
}

/** The numbers behind `--<name>`, with commas between them. */
export function numbersOption(name: string, fallback: readonly number[]): readonly number[] {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : (process.argv[at + 1] ?? '').split(',').map(Number);
}
