import { readFileSync, type Stats, unwatchFile, watchFile } from 'node:fs';
import { InvalidInputError } from '../config/load.ts';
import { type FileProblem, formatProblem } from '../config/yaml-file.ts';
import type { State } from '../rewrites/pipeline.ts';
import { ConnectorView } from './connectors.ts';
import type { SourceStatus, StateSource } from './source.ts';
import { parseStateFile } from './state-file.ts';

/** What the source tells its surroundings. */
export interface FileSourceEvents {
  /** A new state is in use. */
  loaded(connectors: number): void;
  /** The file cannot be used as it is; the last good state stays. */
  rejected(problems: readonly FileProblem[]): void;
  /** There is no such file at start, or an empty one: the state is empty until it says something. */
  absent(path: string): void;
}

/**
 * How often the file's stat is compared, in milliseconds. Polling follows symlinks, so it notices a
 * ConfigMap's swapped `..data`, an editor's rename and network file systems alike.
 */
const pollInterval = 250;

const emptyState: State = { connectors: ConnectorView.empty };

/** Reads connectors from a YAML file and keeps up with its changes. */
export class FileStateSource implements StateSource {
  readonly #path: string;
  readonly #events: FileSourceEvents;
  readonly #onStat = (_now: Stats, _before: Stats) => this.#reload();
  #state = emptyState;
  #text: string | undefined;
  #problems: readonly FileProblem[] = [];
  #staleSince: number | undefined;

  /** Reads the file. Throws InvalidInputError when it is there but cannot be used. */
  constructor(path: string, events: FileSourceEvents) {
    this.#path = path;
    this.#events = events;
    const text = this.#read();
    if (text === 'absent' || text === '') events.absent(path);
    else this.#use(text);
    if (this.#problems.length > 0) throw InvalidInputError.of(this.#problems);
    watchFile(path, { interval: pollInterval }, this.#onStat);
  }

  get state(): State {
    return this.#state;
  }

  status(): SourceStatus {
    const ageSeconds =
      this.#staleSince === undefined ? 0 : (performance.now() - this.#staleSince) / 1000;
    return { name: 'file', synced: true, problems: this.#problems, ageSeconds };
  }

  stop(): void {
    unwatchFile(this.#path, this.#onStat);
  }

  #reload(): void {
    const text = this.#read();
    if (text === 'absent') this.#reject([this.#problem('the file is gone')]);
    // Most likely somebody is about to write it; it must not mean that all connectors are gone.
    else if (text === '')
      this.#reject([this.#problem('the file is empty; `connectors: []` says none')]);
    else if (typeof text !== 'string') this.#reject([this.#problem(text.reason)]);
    else if (text !== this.#text || this.#problems.length > 0) this.#use(text);
  }

  #use(text: string | { readonly reason: string }): void {
    const problems = typeof text === 'string' ? this.#load(text) : [this.#problem(text.reason)];
    if (problems !== undefined) this.#reject(problems);
  }

  /** Puts the text's state into use; answers its problems instead when it has any. */
  #load(text: string): readonly FileProblem[] | undefined {
    const parsed = parseStateFile(this.#path, text);
    if (!parsed.ok) return parsed.problems;
    this.#text = text;
    this.#problems = [];
    this.#staleSince = undefined;
    this.#state = { connectors: new ConnectorView(parsed.value) };
    this.#events.loaded(parsed.value.length);
    return undefined;
  }

  #reject(problems: readonly FileProblem[]): void {
    const isNews = problems.map(formatProblem).join() !== this.#problems.map(formatProblem).join();
    this.#problems = problems;
    this.#staleSince ??= performance.now();
    if (isNews) this.#events.rejected(problems);
  }

  #problem(reason: string): FileProblem {
    return { file: this.#path, line: 1, column: 1, path: '', reason };
  }

  #read(): string | 'absent' | { readonly reason: string } {
    try {
      return readFileSync(this.#path, 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 'absent';
      return { reason: error instanceof Error ? error.message : String(error) };
    }
  }
}
