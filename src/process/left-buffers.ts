import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Bytes of buffers that may wait for V8 to collect them by itself: calls of a few megabytes leave fewer. */
const tolerated = 128 * 1024 * 1024;

/** Milliseconds after a call in which everything lets go of its messages. */
const delay = 200;

let isDue = false;
let collectGarbage: (() => void) | undefined;

/**
 * Frees what large calls have left, shortly after a call. V8 looks at its heap, in which their buffers are
 * nothing, so those of the next call would come on top of them.
 */
export function freeLeftBuffersSoon(): void {
  if (isDue) return;
  isDue = true;
  setTimeout(() => {
    isDue = false;
    if (process.memoryUsage().arrayBuffers < tolerated) return;
    collectGarbage ??= exposeCollector();
    collectGarbage();
  }, delay).unref();
}

/** What `--expose-gc` gives a process, which nobody has to know of who starts it. */
function exposeCollector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc');
}
