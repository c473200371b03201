import { FieldReader } from '../xds/field-reader.ts';
import type { FieldRef } from '../xds/field-ref.ts';
import { nextOccurrence } from '../xds/wire.ts';
import { isValueAt } from './equal-bytes.ts';

/** How many values of a field there are, before and now. */
export interface Counts {
  readonly before: number;
  readonly after: number;
}

/**
 * Visits the values of a length-delimited field that are not what they were in their place, with readers
 * that stand at them and at what they were. Nearly all are: these cost no more than a comparison. Throws
 * MalformedMessageError.
 */
export function forEachChanged(
  before: Uint8Array,
  after: Uint8Array,
  field: FieldRef,
  visit: (now: FieldReader, then: FieldReader | undefined) => void,
): Counts {
  const then = new FieldReader(before);
  const now = new FieldReader(after);
  const counts = { before: 0, after: 0 };
  while (nextOccurrence(now, field)) {
    counts.after++;
    const hadOne = nextOccurrence(then, field);
    if (hadOne) counts.before++;
    if (hadOne && isSame(then, now)) continue;
    visit(now, hadOne ? then : undefined);
  }
  while (nextOccurrence(then, field)) counts.before++;
  return counts;
}

/** Whether a length-delimited field has the same values in two messages. Throws MalformedMessageError. */
export function haveEqualValues(before: Uint8Array, after: Uint8Array, field: FieldRef): boolean {
  let isEqual = true;
  const counts = forEachChanged(before, after, field, () => {
    isEqual = false;
  });
  return isEqual && counts.before === counts.after;
}

function isSame(then: FieldReader, now: FieldReader): boolean {
  if (now.end - now.valueStart !== then.end - then.valueStart) return false;
  return isValueAt(now, then.message, then.valueStart);
}
