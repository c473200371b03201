import { FieldReader } from '../xds/field-reader.ts';
import type { FieldRef } from '../xds/field-ref.ts';
import { nextOccurrence } from '../xds/wire.ts';
import { isValueAt } from './equal-bytes.ts';

/**
 * Walks the values of a length-delimited field that are not what they were in their place. Nearly all are:
 * these cost no more than a comparison.
 */
export class ChangedValues {
  /** Stands at the value. */
  readonly after: FieldReader;
  readonly #before: FieldReader;
  readonly #field: FieldRef;
  #hadOne = false;
  #countBefore = 0;
  #countAfter = 0;

  constructor(before: Uint8Array, after: Uint8Array, field: FieldRef) {
    this.#before = new FieldReader(before);
    this.after = new FieldReader(after);
    this.#field = field;
  }

  /** Moves on to the next one; false at the end. Throws MalformedMessageError. */
  next(): boolean {
    while (nextOccurrence(this.after, this.#field)) {
      this.#countAfter++;
      this.#hadOne = this.#nextBefore();
      if (!this.#hadOne || !isSame(this.#before, this.after)) return true;
    }
    while (this.#nextBefore());
    return false;
  }

  /** Stands at what it was; undefined when there was none in its place. */
  get before(): FieldReader | undefined {
    return this.#hadOne ? this.#before : undefined;
  }

  /** How many values there were, once all have been walked. */
  get countBefore(): number {
    return this.#countBefore;
  }

  /** How many there are now. */
  get countAfter(): number {
    return this.#countAfter;
  }

  #nextBefore(): boolean {
    const isThere = nextOccurrence(this.#before, this.#field);
    if (isThere) this.#countBefore++;
    return isThere;
  }
}

/** Whether a length-delimited field has the same values in two messages. Throws MalformedMessageError. */
export function haveEqualValues(before: Uint8Array, after: Uint8Array, field: FieldRef): boolean {
  const values = new ChangedValues(before, after, field);
  let isEqual = true;
  while (values.next()) isEqual = false;
  return isEqual && values.countBefore === values.countAfter;
}

function isSame(then: FieldReader, now: FieldReader): boolean {
  if (now.end - now.valueStart !== then.end - then.valueStart) return false;
  return isValueAt(now, then.message, then.valueStart);
}
