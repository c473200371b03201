import type { Logger } from 'pino';
import type { Check } from '../../observe/check.ts';

/** Milliseconds that changes are collected for before their problems are told. */
const collectFor = 1_000;

/** How many problems are named at a time; the metric counts all of them. */
const maxNamed = 20;

/** Tells of objects that cannot be used as they are: once when they come, once when they go. */
export class ObjectProblems {
  readonly #read: () => readonly string[];
  readonly #log: Logger;
  #known: readonly string[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(read: () => readonly string[], log: Logger) {
    this.#read = read;
    this.#log = log;
  }

  get count(): number {
    return this.#known.length;
  }

  /** Objects changed: looks at them a moment later. */
  changed(): void {
    this.#timer ??= setTimeout(() => this.#tell(), collectFor).unref();
  }

  checks(): Check[] {
    return named(this.#known).map((detail) => ({ name: 'object', ok: false, detail }));
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #tell(): void {
    this.#timer = undefined;
    const before = new Set(this.#known);
    this.#known = this.#read();
    const now = new Set(this.#known);
    const come = this.#known.filter((problem) => !before.has(problem));
    const gone = [...before].filter((problem) => !now.has(problem));
    for (const problem of named(come))
      this.#log.warn({ problem }, 'an object cannot be used as it is');
    for (const problem of named(gone)) this.#log.info({ problem }, 'no longer a problem');
  }
}

function named(problems: readonly string[]): string[] {
  const rest = problems.length - maxNamed;
  if (rest <= 0) return [...problems];
  return [...problems.slice(0, maxNamed), `and ${rest} more`];
}
