/**
 * Work that can pause where it yields, so that a large snapshot does not keep a server from answering
 * anything else. What the work reads of the state may be another one after a pause.
 */
export type Steps<Result> = Generator<undefined, Result, undefined>;

/** How many bytes of resources are worked on between two pauses: some milliseconds of work. */
export const stepBytes: number = 1024 * 1024;

/** How many parts of a state are worked on between two pauses: less than a few milliseconds of work. */
export const partsPerStep = 1_000;

/** Says of long work, part after part, when it is to pause. */
export class Pace {
  readonly #perStep: number;
  #done = 0;

  /** How much is done between two pauses, in whatever it is counted by. */
  constructor(perStep: number) {
    this.#perStep = perStep;
  }

  /** To be asked for each part, with how much it is. */
  isPauseDue(amount = 1): boolean {
    this.#done += amount;
    if (this.#done < this.#perStep) return false;
    this.#done = 0;
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
