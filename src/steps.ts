/**
 * Work that can pause where it yields, so that a large snapshot does not keep a server from answering
 * anything else. What the work reads of the state may be another one after a pause.
 */
export type Steps<Result> = Generator<undefined, Result, undefined>;

/** How many bytes of resources are worked on between two pauses: some milliseconds of work. */
const stepBytes = 1024 * 1024;

/** Says when enough was done since the last pause. */
export class StepCounter {
  #bytes = 0;

  /** Counts bytes that were worked on; true when it is time to pause. */
  isTime(bytes: number): boolean {
    this.#bytes += bytes;
    if (this.#bytes < stepBytes) return false;
    this.#bytes = 0;
    return true;
  }
}

/** Takes all steps, one after the other. */
export function atOnce<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}
