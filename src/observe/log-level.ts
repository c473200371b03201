import type { Logger } from 'pino';

/** Levels of the log, from the most talkative to none. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/** One of `logLevels`. */
export type LogLevelName = (typeof logLevels)[number];

/** The level of a running server's log, which the configuration sets at the start. */
export class LogLevel {
  readonly configured: LogLevelName;
  readonly #log: Logger;
  #current: LogLevelName;

  constructor(log: Logger, configured: LogLevelName) {
    this.#log = log;
    this.configured = configured;
    this.#current = configured;
  }

  get current(): LogLevelName {
    return this.#current;
  }

  /** Sets the level and says so, in the more talkative of the two. */
  set(level: LogLevelName, by: string): void {
    const from = this.#current;
    if (level === from) return;
    const isQuieter = logLevels.indexOf(level) > logLevels.indexOf(from);
    if (!isQuieter) this.#log.level = level;
    this.#log.warn({ from, to: level, by }, 'log level');
    this.#log.level = level;
    this.#current = level;
  }

  /** Between debug and what is configured; where debug is configured, between it and info. */
  switch(by: string): void {
    const other = this.configured === 'debug' ? 'info' : 'debug';
    this.set(this.#current === this.configured ? other : this.configured, by);
  }
}
