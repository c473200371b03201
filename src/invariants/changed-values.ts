import { endOfField, tagAt } from '../xds/field-ends.ts';
import { FieldReader, wireTypes } from '../xds/field-reader.ts';
import type { FieldRef } from '../xds/field-ref.ts';
import { nextOccurrence } from '../xds/wire.ts';

const { compare } = Buffer.prototype;

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
  /** Fields up to there have the lengths that they had, but not all are the same. */
  #unequalTo = 0;

  /** The readers may be spare ones, where no other walk goes on meanwhile that has them. */
  constructor(field: FieldRef, before = new FieldReader(), after = new FieldReader()) {
    this.#before = before;
    this.after = after;
    this.#field = field;
  }

  /** Has it walk those of these messages from now on. */
  over(before: Uint8Array, after: Uint8Array): this {
    this.#before.over(before, 0, before.length);
    this.after.over(after, 0, after.length);
    this.#hadOne = false;
    this.#countBefore = 0;
    this.#countAfter = 0;
    this.#unequalTo = 0;
    return this;
  }

  /** Moves on to the next one; false at the end. Throws MalformedMessageError. */
  next(): boolean {
    this.#passEqual();
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

  /**
   * Passes all fields that are as long as those in their place were, and the same: compared at once, as nearly
   * all others are longer now. Passes none where that is not so.
   */
  #passEqual(): void {
    const before = this.#before;
    const { message, end: from, limit } = this.after;
    if (this.#countAfter !== this.#countBefore || from < this.#unequalTo) return;
    const shift = before.end - from;
    let count = 0;
    let at = from;
    while (at < limit) {
      const end = endOfField(message, at, limit);
      if (end === -1 || endOfField(before.message, at + shift, before.limit) !== end + shift) break;
      const tag = tagAt(message, at);
      if (tag >>> 3 === this.#field.number) {
        if ((tag & 7) !== wireTypes.lengthDelimited) break;
        count++;
      }
      at = end;
    }
    if (compare.call(message, before.message, from + shift, at + shift, from, at) !== 0) {
      this.#unequalTo = at;
      return;
    }
    before.over(before.message, at + shift, before.limit);
    this.after.over(message, at, limit);
    this.#countBefore += count;
    this.#countAfter += count;
  }

  #nextBefore(): boolean {
    const isThere = nextOccurrence(this.#before, this.#field);
    if (isThere) this.#countBefore++;
    return isThere;
  }
}

/** Whether a length-delimited field has the same values in two messages. Throws MalformedMessageError. */
export function haveEqualValues(before: Uint8Array, after: Uint8Array, field: FieldRef): boolean {
  const values = new ChangedValues(field).over(before, after);
  let isEqual = true;
  while (values.next()) isEqual = false;
  return isEqual && values.countBefore === values.countAfter;
}

/** By the engine's own comparison, which takes any bytes: a Buffer of each message would be dear. */
function isSame(then: FieldReader, now: FieldReader): boolean {
  if (now.end - now.valueStart !== then.end - then.valueStart) return false;
  const { message, valueStart, end } = then;
  return compare.call(now.message, message, valueStart, end, now.valueStart, now.end) === 0;
}
