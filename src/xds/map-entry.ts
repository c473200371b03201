import { FieldReader, spareReader, wireTypes } from './field-reader.ts';
import type { FieldRef } from './field-ref.ts';
import { fields } from './fields.ts';
import { seenFromOutside } from './malformed.ts';
import { nextOccurrence, readLastValue } from './wire.ts';
import { over } from './wire-type.ts';

const { MapEntry } = fields;
const nothing = new Uint8Array();

/** Entries of maps, one after the other: one walk of each for its key and its value. */
class EntryReader {
  readonly #entry = spareReader();
  readonly #key = spareReader();
  readonly #value = spareReader();
  #hasValue = false;
  #isValueOdd = false;

  letGo(): void {
    for (const reader of [this.#entry, this.#key, this.#value]) reader.over(nothing, 0, 0);
  }

  /** Reads the entry at which a reader stands. Throws MalformedMessageError. */
  read({ message, valueStart, end }: FieldReader): void {
    const entry = this.#entry.over(message, valueStart, end);
    this.#key.over(message, valueStart, valueStart);
    this.#hasValue = false;
    this.#isValueOdd = false;
    while (entry.next()) {
      if (entry.number === MapEntry.key.number) over(entry, MapEntry.key, this.#key);
      else if (entry.number === MapEntry.value.number) this.#readValue(entry);
    }
  }

  #readValue(entry: FieldReader): void {
    if (entry.wireType !== wireTypes.lengthDelimited) this.#isValueOdd = true;
    else over(entry, MapEntry.value, this.#value);
    this.#hasValue = true;
  }

  /** Whether it has this key, which is ASCII. */
  isKey(key: string): boolean {
    return this.#key.isText(key);
  }

  /** Its value; undefined when it has none. A value of another wire type matters to who asks for it only. */
  value(entry: FieldReader, into: FieldReader): FieldReader | undefined {
    if (this.#isValueOdd) return readLastValue(entry.inside(), MapEntry.value);
    if (!this.#hasValue) return undefined;
    return into.over(this.#value.message, this.#value.start, this.#value.limit);
  }
}

/** The entry of a map that was read last. */
export const lastEntry = new EntryReader();

/**
 * The value of a map's last entry with this key, which is the one that decoders keep. Errors below name the
 * entry. Throws MalformedMessageError. Whoever asks lets go of `lastEntry`.
 */
export function mapValue(
  message: FieldReader,
  map: FieldRef,
  key: string,
  into: FieldReader = new FieldReader(),
): FieldReader | undefined {
  let found: FieldReader | undefined;
  for (let index = 0; nextOccurrence(message, map); index++) {
    try {
      lastEntry.read(message);
      if (lastEntry.isKey(key)) found = lastEntry.value(message, into);
    } catch (error) {
      throw seenFromOutside(error, `${map.name}[${index}]`, 0);
    }
  }
  return found;
}
