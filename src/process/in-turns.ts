import { setImmediate as otherWork } from 'node:timers/promises';
import type { Steps } from '../steps.ts';

/** Takes the steps in turns with whatever else the process has to do: probes, metrics, events. */
export async function inTurns<Result>(steps: Steps<Result>): Promise<Result> {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    await otherWork();
  }
}
