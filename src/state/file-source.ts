import { statSync } from 'node:fs';
import { type FileProblem, formatProblem } from '../config/yaml-file.ts';
import { OfframpError, reasonOf } from '../errors.ts';
import { inTurns } from '../process/in-turns.ts';
import type { State } from '../rewrites/pipeline.ts';
import { atOnce } from '../steps.ts';
import { noBackendRefs } from './backend-refs.ts';
import type { ConnectorCondition } from './connector-condition.ts';
import { ConnectorView } from './connectors.ts';
import { type MadeState, makeInSteps } from './made-state.ts';
import {
  type PackedState,
  type PreparedState,
  prepareState,
  unpackInSteps,
} from './prepared-state.ts';
import { type ReadStateFile, readStateFile } from './read-state-file.ts';
import type { SourceStatus, StateSource } from './source.ts';
import { parseStateFile } from './state-file.ts';
import { type Parsing, parseBeside } from './state-file-parser.ts';

/** What the source tells its surroundings. */
export interface FileSourceEvents {
  /** A new state is in use. */
  loaded(file: PreparedState): void;
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

/** Characters that are parsed at once, within some tenths of a second; more go to a thread. */
const smallLength = 64 * 2 ** 10;

/** Milliseconds that the thread gets for a text. */
const parseTimeout = 60_000;

/** For whoever waits for what nobody will do any more. */
const never = new Promise<never>(() => undefined);

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
  /** Of a text that takes long. What the file says meanwhile is read after it. */
  #parsing: Parsing | undefined;
  #isStopped = false;
  readonly #firstRead: Promise<void>;

  /**
   * Reads the file. When it is there but cannot be used: throws OfframpError (state-invalid), or, for
   * a large file, has `whenSynced` reject with it.
   */
  constructor(path: string, events: FileSourceEvents) {
    this.#path = path;
    this.#events = events;
    const read = this.#read();
    if (read.kind === 'nothing') events.absent(path, read.reason);
    if (read.kind === 'failed') throw unusable([read.problem]);
    this.#firstRead = read.kind === 'text' ? this.#loadFirst(read.text) : Promise.resolve();
    this.#timer = setInterval(() => this.#reloadIfChanged(), pollInterval).unref();
  }

  get state(): State {
    return this.#state;
  }

  status(): SourceStatus {
    const ageSeconds =
      this.#staleSince === undefined ? 0 : (performance.now() - this.#staleSince) / 1000;
    const problems = this.#problems.map(formatProblem);
    const nothingElse = { checks: [], unusableObjects: 0 };
    const [synced, detail] = [this.#isSynced, this.#describe()];
    return { name: 'file', synced, detail, problems, ageSeconds, ...nothingElse };
  }

  connectorConditions(): readonly ConnectorCondition[] {
    return this.#conditions;
  }

  /** Rejects with OfframpError (state-invalid) when a large file cannot be used at the start. */
  whenSynced(): Promise<void> {
    return this.#firstRead;
  }

  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#timer);
    this.#parsing?.stop();
  }

  get #isSynced(): boolean {
    return this.#text !== undefined || this.#parsing === undefined;
  }

  #describe(): string {
    if (!this.#isSynced) return 'reading the state file';
    if (this.#text === undefined) return 'no state file yet';
    const counted = `${this.#state.connectors.connectors.length} connectors`;
    return this.#parsing === undefined ? counted : `${counted}; reading a new state file`;
  }

  #loadFirst(text: string): Promise<void> {
    const refuse = (problems: readonly FileProblem[] | undefined) => {
      if (problems !== undefined) throw unusable(problems);
    };
    if (text.length <= smallLength) {
      refuse(this.#loadAtOnce(text));
      return Promise.resolve();
    }
    const loaded = this.#loadBeside(text).then(refuse);
    loaded.catch(() => undefined); // told to whoever waits for it
    return loaded;
  }

  #reloadIfChanged(): void {
    if (this.#parsing === undefined && this.#signature !== this.#readSignature()) this.#reload();
  }

  #reload(): void {
    const read = this.#read();
    if (read.kind === 'text') {
      if (read.text === this.#text && this.#problems.length === 0) return;
      this.#load(read.text);
    } else if (read.kind === 'failed') {
      this.#reject([read.problem]);
    } else if (this.#text !== undefined) {
      this.#reject([this.#problem(read.reason)]);
    }
  }

  #load(text: string): void {
    if (text.length <= smallLength) {
      const problems = this.#loadAtOnce(text);
      if (problems !== undefined) this.#reject(problems);
      return;
    }
    this.#loadBeside(text)
      .catch((error: unknown) => [this.#problem(`it cannot be taken over: ${reasonOf(error)}`)])
      .then((problems) => problems && this.#reject(problems));
  }

  /** Answers what is wrong with the text, if anything is. */
  #loadAtOnce(text: string): readonly FileProblem[] | undefined {
    const parsed = parseStateFile(this.#path, text);
    if (!parsed.ok) return parsed.problems;
    this.#use(text, atOnce(makeInSteps(prepareState(parsed.value), this.#conditions)));
    return undefined;
  }

  /** The same for a large one. The last good state stays in use meanwhile. */
  async #loadBeside(text: string): Promise<readonly FileProblem[] | undefined> {
    this.#parsing = parseBeside({ file: this.#path, text }, parseTimeout);
    let made: MadeState;
    try {
      const parsed = await this.#parsing.parsed;
      if (!parsed.ok) return parsed.problems;
      made = await this.#takeOver(parsed.packed);
    } finally {
      this.#parsing = undefined;
    }
    if (this.#isStopped) return never; // as when it was stopped before the thread was done
    this.#use(text, made);
    return undefined;
  }

  async #takeOver(packed: PackedState): Promise<MadeState> {
    const file = await inTurns(unpackInSteps(packed));
    return inTurns(makeInSteps(file, this.#conditions));
  }

  #use(text: string, { file, state, conditions }: MadeState): void {
    this.#text = text;
    this.#problems = [];
    this.#staleSince = undefined;
    this.#state = state;
    this.#conditions = conditions;
    this.#events.loaded(file);
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

  #read(): ReadStateFile {
    // Before the reading, so that a change during it is noticed by the next comparison.
    this.#signature = this.#readSignature();
    return readStateFile(this.#path);
  }
}

function unusable(problems: readonly FileProblem[]): OfframpError {
  return new OfframpError('state-invalid', problems.map(formatProblem));
}
