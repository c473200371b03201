import type { Logger } from 'pino';

/** How long nothing more is said of one kind of thing, in milliseconds. */
const quietFor = 10_000;

/**
 * Warnings that somebody else can cause as often as they like: of each kind one in ten seconds, which
 * says how many were left out since the last one.
 */
export class RateLimitedLog {
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #kinds = new Map<string, { until: number; left: number }>();

  constructor(log: Logger, now: () => number = () => performance.now()) {
    this.#log = log;
    this.#now = now;
  }

  warn(kind: string, fields: Readonly<Record<string, unknown>>, message: string): void {
    const now = this.#now();
    const before = this.#kinds.get(kind);
    if (before !== undefined && now < before.until) {
      before.left++;
      return;
    }
    const left = before?.left ?? 0;
    this.#kinds.set(kind, { until: now + quietFor, left: 0 });
    this.#log.warn({ ...fields, ...(left > 0 ? { more_of_the_same: left } : {}) }, message);
  }
}
