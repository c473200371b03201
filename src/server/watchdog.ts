import { Worker } from 'node:worker_threads';
import { errorTable } from '../errors.ts';
import { threadFile } from '../process/thread-file.ts';

/** How often a live process says so, in milliseconds. */
const beatEvery = 250;

/** What the watchdog's thread is told. */
export interface WatchdogOrders {
  /** Grows while the process is alive. */
  readonly beats: SharedArrayBuffer;
  readonly beatEvery: number;
  /** Milliseconds without a beat after which the process ends. */
  readonly blockedFor: number;
  readonly exitCode: number;
}

/** Watches the process until it is stopped. */
export interface Watchdog {
  stop(): Promise<void>;
}

/**
 * Ends the process, with a last line in the log, when it does nothing but one thing for so long: Envoy
 * Gateway would wait for its answer without limit. A process that was suspended, or whose machine was,
 * is not taken for one that hangs.
 */
export function startWatchdog(blockedFor: number): Watchdog {
  const beats = new SharedArrayBuffer(4);
  const view = new Int32Array(beats);
  const exitCode = errorTable['event-loop-blocked'].exitCode;
  const workerData: WatchdogOrders = { beats, beatEvery, blockedFor, exitCode };
  const thread = new Worker(threadFile('watchdog-thread'), { workerData });
  thread.unref();
  const timer = setInterval(() => Atomics.add(view, 0, 1), beatEvery).unref();
  return {
    async stop() {
      clearInterval(timer);
      await thread.terminate();
    },
  };
}
