import { readFileSync, statSync } from 'node:fs';
import { type FileProblem, formatProblem, isBlank } from '../config/yaml-file.ts';
import { OfframpError } from '../errors.ts';
import type { State } from '../rewrites/pipeline.ts';
import { noBackendRefs } from './backend-refs.ts';
import type { ConnectorCondition } from './connector-condition.ts';
import { ConnectorView } from './connectors.ts';
import type { SourceStatus, StateSource } from './source.ts';
import { parseStateFile, type StateFile, stateOf } from './state-file.ts';
import { conditionsOf } from './state-file-conditions.ts';

/** What the source tells its surroundings. */
export interface FileSourceEvents {
  /** A new state is in use. */
  loaded(file: StateFile): void;
  /** The file cannot be used as it is; the last good state stays. */
  rejected(problems: readonly FileProblem[]): void;
  /** There is no such file at start, or an empty one: the state is empty until it says something. */
  absent(path: string, reason: string): void;
}

/**
 * How often the file's stat is compared, in milliseconds. Asking by path follows symlinks, so it
 * notices a ConfigMap's swapped `..data`, an editor's rename and network file systems alike.
 * `fs.watchFile` would do the same, but takes its first stat some time after it is called: a change
 * between our read and that stat would stay unseen.
 */
const pollInterval = 250;

const emptyState: State = { connectors: ConnectorView.empty, backendRefs: noBackendRefs };

/** Reads connectors from a YAML file and keeps up with its changes. */
export class FileStateSource implements StateSource {
  readonly #path: string;
  readonly #events: FileSourceEvents;
  readonly #timer: NodeJS.Timeout;
  #signature: string | undefined;
  #state = emptyState;
  #conditions: readonly ConnectorCondition[] = [];
  #text: string | undefined;
  #problems: readonly FileProblem[] = [];
  #staleSince: number | undefined;

  /** Reads the file. Throws OfframpError (state-invalid) when it is there but cannot be used. */
  constructor(path: string, events: FileSourceEvents) {
    this.#path = path;
    this.#events = events;
    const read = this.#read();
    if (read.kind === 'nothing') events.absent(path, read.reason);
    const problems = read.kind === 'text' ? this.#load(read.text) : undefined;
    if (read.kind === 'failed') throw unusable([this.#problem(read.reason)]);
    if (problems !== undefined) throw unusable(problems);
    this.#timer = setInterval(() => this.#reloadIfChanged(), pollInterval).unref();
  }

  get state(): State {
    return this.#state;
  }

  status(): SourceStatus {
    const ageSeconds =
      this.#staleSince === undefined ? 0 : (performance.now() - this.#staleSince) / 1000;
    const { length } = this.#state.connectors.connectors;
    const detail = this.#text === undefined ? 'no state file yet' : `${length} connectors`;
    const problems = this.#problems.map(formatProblem);
    const nothingElse = { checks: [], unusableObjects: 0 };
    return { name: 'file', synced: true, detail, problems, ageSeconds, ...nothingElse };
  }

  connectorConditions(): readonly ConnectorCondition[] {
    return this.#conditions;
  }

  /** The file was read when the source was made. */
  whenSynced(): Promise<void> {
    return Promise.resolve();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #reloadIfChanged(): void {
    if (this.#signature !== this.#readSignature()) this.#reload();
  }

  #reload(): void {
    const read = this.#read();
    if (read.kind === 'text') {
      if (read.text === this.#text && this.#problems.length === 0) return;
      const problems = this.#load(read.text);
      if (problems !== undefined) this.#reject(problems);
    } else if (read.kind === 'failed' || this.#text !== undefined) {
      this.#reject([this.#problem(read.reason)]);
    }
  }

  /** Puts the text's state into use; answers its problems instead when it has any. */
  #load(text: string): readonly FileProblem[] | undefined {
    const parsed = parseStateFile(this.#path, text);
    if (!parsed.ok) return parsed.problems;
    this.#text = text;
    this.#problems = [];
    this.#staleSince = undefined;
    this.#state = stateOf(parsed.value);
    this.#conditions = conditionsOf(parsed.value, this.#conditions, Date.now());
    this.#events.loaded(parsed.value);
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

  /** Changes with every write, rename and swap; undefined when there is nothing to stat. */
  #readSignature(): string | undefined {
    try {
      const stat = statSync(this.#path, { bigint: true, throwIfNoEntry: false });
      return stat && [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join();
    } catch {
      return 'unreadable'; // the reading that follows says why
    }
  }

  #read(): Reading {
    // Before the reading, so that a change during it is noticed by the next comparison.
    this.#signature = this.#readSignature();
    try {
      const text = readFileSync(this.#path, 'utf8');
      // Most likely somebody is about to write it; it must not mean that all connectors are gone.
      if (isBlank(text))
        return { kind: 'nothing', reason: 'the file is empty; `connectors: []` says none' };
      return { kind: 'text', text };
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
        return { kind: 'nothing', reason: 'there is no such file' };
      }
      return { kind: 'failed', reason: error instanceof Error ? error.message : String(error) };
    }
  }
}

type Reading =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'nothing' | 'failed'; readonly reason: string };

function unusable(problems: readonly FileProblem[]): OfframpError {
  return new OfframpError('state-invalid', problems.map(formatProblem));
}
