import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Bytes of buffers that calls of a few routes do not leave. */
const noticed = 8 * 1024 * 1024;

/** Bytes of buffers that may wait for V8 to make a full collection by itself. */
const tolerated = 128 * 1024 * 1024;

/** Milliseconds after a call in which everything lets go of its messages. */
const delay = 200;

type Collect = (options?: { readonly type: 'minor' }) => void;

let isDue = false;
let collectGarbage: Collect | undefined;

/**
 * Frees what large calls have left, shortly after a call, when nobody waits. The young generation is empty
 * then but for garbage: collected in the middle of the next call, it would be full of what that call needs,
 * all of which would be copied, and kept. V8 looks at its heap, in which buffers are nothing; so where a
 * collection of the young leaves many of them, a full one follows: else those of the next call would come
 * on top of them.
 */
export function freeLeftBuffersSoon(): void {
  if (isDue) return;
  isDue = true;
  setTimeout(() => {
    isDue = false;
    if (bytesOfBuffers() < noticed) return;
    collectGarbage ??= exposeCollector();
    collectGarbage({ type: 'minor' });
    if (bytesOfBuffers() >= tolerated) collectGarbage();
  }, delay).unref();
}

function bytesOfBuffers(): number {
  return process.memoryUsage().arrayBuffers;
}

/** What `--expose-gc` gives a process, which nobody has to know of who starts it. */
function exposeCollector(): Collect {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc');
}
