import type { SteadyTraffic } from '../steady-traffic.ts';

/** What users saw of a drill, and what else was measured. */
export interface DrillFigures {
  readonly sent: number;
  readonly wrong: readonly string[];
  /** Milliseconds. */
  readonly took: number;
}

/** Counts of steady traffic, drill by drill; printed for docs/reliability.md. */
export class DrillLog {
  readonly #traffic: SteadyTraffic;
  readonly #lines: string[] = [];

  constructor(traffic: SteadyTraffic) {
    this.#traffic = traffic;
  }

  /** What users saw while this went on. `tell` adds to the line that is printed. */
  async during(
    drill: string,
    work: (tell: (figure: string) => void) => Promise<void>,
  ): Promise<DrillFigures> {
    const { sent, wrong } = { sent: this.#traffic.sent(), wrong: this.#traffic.wrong().length };
    const told: string[] = [];
    const started = performance.now();
    await work((figure) => told.push(figure));
    const figures = {
      sent: this.#traffic.sent() - sent,
      wrong: this.#traffic.wrong().slice(wrong),
      took: performance.now() - started,
    };
    const counts = `${figures.sent} sent, ${figures.wrong.length} wrong`;
    const seconds = `${(figures.took / 1_000).toFixed(1)} s`;
    this.#lines.push(`${drill}: ${[counts, seconds, ...told].join(', ')}`);
    return figures;
  }

  print(): void {
    for (const line of this.#lines) process.stdout.write(`drill: ${line}\n`);
  }
}
