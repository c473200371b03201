import type { Logger } from 'pino';
import type { Metrics } from '../observe/metrics.ts';
import type { Correction } from './answered-decisions.ts';
import type { PatchOutcome } from './gateway-patcher.ts';

/** How many reasons one line names. */
const maxReasons = 5;

/** Counts self-corrections, and says of each Gateway what its last answer was wrong about. */
export class SelfCorrectionLog {
  readonly #metrics: Metrics;
  readonly #log: Logger;

  constructor({ metrics, log }: { readonly metrics: Metrics; readonly log: Logger }) {
    this.#metrics = metrics;
    this.#log = log;
  }

  tell(
    gateway: string,
    { reasons }: Extract<Correction, { kind: 'due' }>,
    outcome: PatchOutcome,
  ): void {
    if (outcome.kind === 'gone') return;
    const isDone = outcome.kind === 'written';
    this.#metrics.selfCorrections.inc({ outcome: isDone ? 'ok' : 'failed' });
    const told = { gateway, splits: reasons.length, reasons: reasons.slice(0, maxReasons) };
    if (isDone) this.#log.info(told, 'self-correction: the last answer does not hold any more');
    else
      this.#log.warn(told, 'self-correction failed: splits stay wrong until the next translation');
  }
}
