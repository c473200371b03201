import { OfframpError } from '../errors.ts';
import type { Checkpoint } from '../xds/snapshot.ts';

/** How many bytes of resources are worked on between two looks at the clock: far less than a millisecond's. */
const bytesPerLook = 64 * 1024;

/** Ends work that takes longer than so many milliseconds from now, by OfframpError (budget-exceeded). */
export function callBudget(
  milliseconds: number,
  now: () => number = () => performance.now(),
): Checkpoint {
  const end = now() + milliseconds;
  let bytes = 0;
  return (size) => {
    bytes += size;
    if (bytes < bytesPerLook) return;
    bytes = 0;
    if (now() < end) return;
    throw new OfframpError('budget-exceeded', [
      `the snapshot was not decided within ${milliseconds} ms; grpc.limits.callBudget allows more`,
    ]);
  };
}
