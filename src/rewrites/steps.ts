/**
 * Work that can pause where it yields, so that a large snapshot does not keep a server from answering
 * anything else. What the work reads of the state may be another one after a pause.
 */
export type Steps<Result> = Generator<undefined, Result, undefined>;

/** Takes all steps, one after the other. */
export function atOnce<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}
