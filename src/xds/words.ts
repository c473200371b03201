// What reads usual messages at a glance by words of four bytes: a tag and the length behind it lie in one,
// and text is compared and hashed by a fourth of the looks. Nothing is made of what is read. Where something
// looks otherwise, be it malformed or just rare, the answer is `nowhere`.

/** Behind the end of every message. */
export const nowhere = 0x7fffffff;

/**
 * A word that begins in a message may end behind it: so many bytes have to follow in the buffer, whatever
 * they are. Where they do not, nothing may be read by words.
 */
export const bytesBehind = 16;

/** Longer than any message, and yet offsets can be added to it. */
const tooLong = 0x3fffffff;

/** A view of a message, and of what lies behind it in its buffer. */
export function wordsOf({ buffer, byteOffset }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset);
}

/** The word at an offset. */
export function wordAt(words: DataView, at: number): number {
  return words.getInt32(at, true);
}

/** The word that four characters of ASCII are. */
export function wordOf(text: string): number {
  return wordAt(wordsOf(Uint8Array.from(text, (one) => one.charCodeAt(0))), 0);
}

/** Where the value begins of the field at an offset, of which this is the first word: its tag has one byte. */
export function valueStartOf(head: number, at: number): number {
  return (head & 0x8000) === 0 ? at + 2 : at + 3;
}

/** Where it ends, when it is length-delimited: behind everything when the length has more than two bytes. */
export function valueEndOf(head: number, at: number): number {
  const low = (head >>> 8) & 0x7f;
  if ((head & 0x8000) === 0) return at + 2 + low;
  return at + 3 + ((head & 0x80_0000) === 0 ? low | ((head >>> 9) & 0x3f80) : tooLong);
}

/**
 * Moves behind the field at an offset, if it ends `limit` at the latest and is none that is `told` apart by
 * its number. Usual are tags and lengths of at most two bytes, and varints of one.
 */
export function pass(words: DataView, at: number, limit: number, told: Uint8Array): number {
  let head = wordAt(words, at);
  let start = at;
  let number = (head & 0xff) >>> 3;
  const wireType = head & 7;
  if ((head & 0x80) !== 0) {
    if ((head & 0x8000) !== 0) return nowhere;
    number = ((head & 0x7f) | ((head >>> 1) & 0x3f80)) >>> 3;
    if (number < 16) return nowhere;
    head >>>= 8;
    start++;
  }
  if (number === 0 || told[number] === 1) return nowhere;
  let end = nowhere;
  if (wireType === 2) end = valueEndOf(head, start);
  else if (wireType === 0 && (head & 0x8000) === 0) end = start + 2;
  return end <= limit ? end : nowhere;
}

/** A table of field numbers, as far as their tags have at most two bytes: 1 for these. */
export function numbers(...told: readonly number[]): Uint8Array {
  const table = new Uint8Array(2 ** 11);
  for (const number of told) table[number] = 1;
  return table;
}

/** Bytes that something is compared with, by words. */
export class KnownBytes {
  readonly length: number;
  readonly #words: Int32Array;
  /** Of the last word the bits that count. */
  readonly #mask: number;

  constructor(bytes: Uint8Array) {
    const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
    padded.set(bytes);
    const words = wordsOf(padded);
    this.length = bytes.length;
    this.#words = Int32Array.from({ length: padded.length / 4 }, (_, n) => wordAt(words, 4 * n));
    this.#mask = (-1 >>> (8 * (padded.length - bytes.length))) | 0;
  }

  /**
   * Whether they are at an offset. Up to three bytes behind them are looked at: of more than `bytesBehind`
   * less those, the caller knows that the message has as many left.
   */
  isAt(words: DataView, at: number): boolean {
    const known = this.#words;
    const last = known.length - 1;
    for (let n = 0; n < last; n++) if (wordAt(words, at + 4 * n) !== known[n]) return false;
    return ((wordAt(words, at + 4 * last) ^ (known[last] ?? 0)) & this.#mask) === 0;
  }
}
