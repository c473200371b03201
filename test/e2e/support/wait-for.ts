import { setTimeout as sleep } from 'node:timers/promises';

/** How long to wait, and how often to look; both in milliseconds. */
export interface WaitOptions {
  readonly timeoutMs: number;
  readonly intervalMs?: number;
  /** Ends the wait early, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Asks `probe` again and again until it gives something other than undefined or false. Throws after
 * `timeoutMs`, naming `what` and the last error that the probe threw.
 */
export async function waitFor<T>(
  what: string,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
  { timeoutMs, intervalMs = 100, signal }: WaitOptions,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let cause: unknown;
  do {
    signal?.throwIfAborted();
    try {
      const found = await probe();
      if (found !== undefined && found !== false) return found;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    await sleep(intervalMs);
  } while (Date.now() < deadline);
  throw new Error(`testbed: waited ${timeoutMs} ms in vain for ${what}`, { cause });
}
