import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Bytes of buffers that calls of a few routes do not leave. */
const noticed = 8 * 1024 * 1024;

/** Bytes of buffers that may wait for V8 to make a full collection by itself. */
const tolerated = 64 * 1024 * 1024;

/** Milliseconds after a call in which everything lets go of its messages. */
const delay = 200;

/** What V8 holds and collects; a test has its own. */
export interface Memory {
  bytesOfBuffers(): number;
  /** At once. */
  collectYoung(): void;
  /** Has everything collected, in steps. */
  beginCollecting(): void;
}

/**
 * Frees what large calls have left. When nobody waits, the young generation is empty but for garbage:
 * collected in the middle of a call, it is full of what that call needs, all of which is copied, and kept.
 * And V8 looks at its heap, in which buffers are nothing; so of many of them those of the next call would
 * come on top, unless all is collected, even if that call has begun.
 */
export class LeftBuffers {
  readonly #isIdle: () => boolean;
  readonly #memory: Memory;
  #quiet: NodeJS.Timeout | undefined;
  #overdue: NodeJS.Timeout | undefined;

  /** `isIdle` tells whether no call is under way. */
  constructor(isIdle: () => boolean, memory: Memory = ownMemory) {
    this.#isIdle = isIdle;
    this.#memory = memory;
  }

  /** To be told of each call that has ended. */
  callEnded(): void {
    this.#overdue ??= setTimeout(() => this.#freeAll(), delay).unref();
    this.#quiet ??= setTimeout(() => this.#freeYoung(), delay).unref();
    this.#quiet.refresh();
  }

  #freeAll(): void {
    this.#overdue = undefined;
    if (this.#memory.bytesOfBuffers() >= tolerated) this.#memory.beginCollecting();
  }

  /** A call that is under way will end, too. */
  #freeYoung(): void {
    this.#quiet = undefined;
    if (this.#isIdle() && this.#memory.bytesOfBuffers() >= noticed) this.#memory.collectYoung();
  }
}

type Collect = (options: { readonly type: 'minor' }) => void;

let collectGarbage: Collect | undefined;

/** Bytes of buffers by which those of a process may grow before V8 begins to collect everything, and one more. */
const pressure = 64 * 1024 * 1024 + 1;

/** The memory of this process. */
export const ownMemory: Memory = {
  bytesOfBuffers: () => process.memoryUsage().arrayBuffers,
  collectYoung() {
    collectGarbage ??= exposeCollector();
    collectGarbage({ type: 'minor' });
  },
  /**
   * By a buffer that nobody writes to, so it takes no memory: V8 then marks in small steps. A full collection
   * by `gc()` is in one stretch, and keeps no type of which there is no object just then: all optimised code that
   * knows one is thrown away, nearly all there is between two calls, and a call of 10,000 Gateways takes a third longer.
   * The buffer counts as left by a call until the young generation is collected, which is soon. To detach it at
   * once would free it sooner; but from the first buffer on that is detached, all code looks whether those that
   * it reads are, and a call takes a twentieth longer.
   */
  beginCollecting() {
    try {
      Buffer.allocUnsafeSlow(pressure);
    } catch {
      // There is no room for it, which V8 will notice too.
    }
  },
};

/** What `--expose-gc` gives a process, which nobody has to know of who starts it. */
function exposeCollector(): Collect {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc');
}
