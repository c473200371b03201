import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Metrics } from '../observe/metrics.ts';
import { MalformedMessageError } from '../xds/malformed.ts';
import type { RecordingFolder } from './recording-folder.ts';
import { recordingName } from './recording-name.ts';
import { withoutSecrets } from './without-secrets.ts';

/** How many requests are held in memory at most: the one that is written, and one that waits. */
const maxHeld = 2;

/** Where recordings go and what is in them. */
export interface RecorderOptions {
  readonly folder: RecordingFolder;
  /** Keep the secrets of a request; otherwise its whole list of them is left out. */
  readonly withSecrets: boolean;
  readonly metrics: Metrics;
  readonly log: Logger;
}

interface Arrived {
  readonly at: Date;
  readonly request: Uint8Array;
}

/**
 * Saves hook requests, one at a time, after they were answered. No failure reaches the hook: when
 * the folder cannot be written to, that is counted, and logged once until it works again.
 */
export class Recorder {
  readonly #options: RecorderOptions;
  readonly #waiting: Arrived[] = [];
  readonly #abort = new AbortController();
  /** Kinds of failure that were logged since the last recording that succeeded. */
  readonly #told = new Set<string>();
  #isSaving = false;
  #sequence = 0;
  #work: Promise<void> | undefined;

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /**
   * Records this request later, and does nothing now but remember it. The request that waited is
   * dropped for it when one is being written: the last one of a burst is what Envoy works with.
   */
  record(request: Uint8Array): void {
    const held = this.#waiting.length + (this.#isSaving ? 1 : 0);
    if (held >= maxHeld) this.#drop(1);
    this.#waiting.push({ at: new Date(), request });
    this.#work ??= this.#saveAll();
  }

  /** Finishes what is held; gives up after `graceMs` milliseconds. */
  async stop(graceMs: number): Promise<void> {
    const timer = setTimeout(() => this.#abort.abort(), graceMs);
    await this.#work;
    clearTimeout(timer);
  }

  async #saveAll(): Promise<void> {
    await nextTurn(); // the answer leaves first
    while (this.#waiting.length > 0) {
      if (this.#abort.signal.aborted) this.#drop(this.#waiting.length);
      else await this.#saveNext();
    }
    this.#work = undefined;
  }

  #drop(count: number): void {
    this.#waiting.splice(-count);
    this.#options.metrics.recordings.inc({ outcome: 'dropped' }, count);
  }

  async #saveNext(): Promise<void> {
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#isSaving = true;
    const { folder, withSecrets, metrics, log } = this.#options;
    const file = recordingName(next.at, ++this.#sequence);
    try {
      const parts = withSecrets ? [next.request] : withoutSecrets(next.request);
      const bytes = await folder.save(file, parts, this.#abort.signal);
      metrics.recordings.inc({ outcome: 'ok' });
      log.debug({ folder: folder.path, file, bytes }, 'recorded');
      this.#tellRecovery();
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#isSaving = false;
    }
  }

  #tellRecovery(): void {
    if (this.#told.size === 0) return;
    this.#told.clear();
    const { folder, log } = this.#options;
    log.info({ folder: folder.path }, 'hook requests are recorded again');
  }

  #failed(error: unknown): void {
    const { folder, metrics, log } = this.#options;
    if (error instanceof MalformedMessageError) {
      // Its secrets cannot be told from the rest; the hook has logged what is wrong with it.
      metrics.recordings.inc({ outcome: 'dropped' });
      return;
    }
    metrics.recordings.inc({ outcome: 'failed' });
    const kind = kindOf(error);
    if (this.#told.has(kind)) return;
    this.#told.add(kind);
    log.error(
      { folder: folder.path, err: error },
      'a hook request could not be recorded, its answer is unaffected; ' +
        'not told again until a recording succeeds',
    );
  }
}

/** ENOSPC, EROFS and the like: one for each reason, however many files it hits. */
function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  return 'code' in error ? String(error.code) : error.name;
}
