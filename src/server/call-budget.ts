import { OfframpError } from '../errors.ts';
import type { Steps } from '../steps.ts';
import type { Budget } from '../xds/snapshot.ts';

/** How many bytes of resources are worked on between two looks at the clock: far less than a millisecond's. */
const bytesPerLook = 64 * 1024;

const readClock = (): number => performance.now();

/** The milliseconds that a call may compute. What others compute between its steps does not count. */
export class CallBudget implements Budget {
  readonly #milliseconds: number;
  readonly #now: () => number;
  /** When the step began that is being taken, less what those before it took. */
  #began: number;
  #bytes = 0;

  constructor(milliseconds: number, now: () => number = readClock) {
    this.#milliseconds = milliseconds;
    this.#now = now;
    this.#began = now();
  }

  /** Ends the work by OfframpError (budget-exceeded). */
  spend(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < bytesPerLook) return;
    this.#bytes = 0;
    if (this.#now() - this.#began < this.#milliseconds) return;
    throw new OfframpError('budget-exceeded', [
      `deciding the snapshot took more than ${this.#milliseconds} ms of computing; ` +
        'grpc.limits.callBudget allows more',
    ]);
  }

  /** The same steps, of which the pauses are not counted. */
  *count<Result>(steps: Steps<Result>): Steps<Result> {
    for (;;) {
      const { done, value } = steps.next();
      if (done) return value;
      const paused = this.#now();
      yield;
      this.#began += this.#now() - paused;
    }
  }
}
