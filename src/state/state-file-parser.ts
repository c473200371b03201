import { getHeapStatistics } from 'node:v8';
import { Worker } from 'node:worker_threads';
import type { FileProblem } from '../config/yaml-file.ts';
import { threadFile } from '../process/thread-file.ts';
import type { PackedState } from './prepared-state.ts';

/** What a state file says, in pieces, or everything that is wrong with it. */
export type ParsedState =
  | { readonly ok: true; readonly packed: PackedState }
  | { readonly ok: false; readonly problems: readonly FileProblem[] };

/** What the thread is told. */
export interface StateFileText {
  readonly file: string;
  readonly text: string;
}

/** Megabytes of the thread's heap, of which the largest file that is taken needs some 600. */
const maxHeap = Math.min(1024, Math.floor(getHeapStatistics().heap_size_limit / 2 ** 20));

/** A text that is being parsed in a thread of its own. */
export interface Parsing {
  /** Comes within the time that was given; never, when it was stopped before. Does not reject. */
  readonly parsed: Promise<ParsedState>;
  stop(): void;
}

/** Parses a state file beside the event loop, for at most `timeout` milliseconds. */
export function parseBeside({ file, text }: StateFileText, timeout: number): Parsing {
  const workerData: StateFileText = { file, text };
  const thread = new Worker(threadFile('state-file-thread'), {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: maxHeap },
  });
  let timer: NodeJS.Timeout | undefined;
  const stop = () => {
    clearTimeout(timer);
    thread.removeAllListeners();
    // It may still fail on its way out, which concerns nobody.
    thread.on('error', () => undefined);
    void thread.terminate();
  };
  const parsed = new Promise<ParsedState>((resolve) => {
    const end = (answer: ParsedState) => {
      stop();
      resolve(answer);
    };
    const fail = (reason: string) =>
      end({ ok: false, problems: [{ file, line: 1, column: 1, path: '', reason }] });
    timer = setTimeout(() => fail(`it cannot be read within ${timeout / 1000} s`), timeout);
    thread.once('message', end);
    thread.once('error', (error) => fail(`it cannot be read: ${error.message}`));
    thread.once('exit', () => fail('it cannot be read: its thread ended'));
  });
  return { parsed, stop };
}
