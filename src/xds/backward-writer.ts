import { viewOf, wireTypes } from './field-reader.ts';
import type { FieldRef } from './field-ref.ts';

/** Bytes that are set one by one, when they are no more: the engine's own functions take longer for so few. */
const longestLooped = 100;

/** Bytes of a buffer for several messages. */
const usualSize = 64 * 1024;

const noBuffer = Buffer.alloc(0);

/**
 * Writes messages from their end to their beginning, so that the length of what is inside is known when
 * the head in front of it is written: no buffer for each message within. What comes last is written
 * first. One at a time; the next one goes in front of it, in the same buffer while there is room. A message
 * too large for such a buffer has one of its own.
 */
export class BackwardWriter {
  #buffer = noBuffer;
  #start = 0;
  /** Where the message ends that is written; what is behind it was handed out. */
  #end = 0;

  /** Begins a message, which may come to have about so many bytes. */
  begin(expected = 0): void {
    this.#start = this.#end;
    if (expected > this.#end) this.#renew(expected);
  }

  /** How many bytes are written. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** Bytes as they are. */
  bytes(bytes: Uint8Array): void {
    const { length } = bytes;
    this.#reserve(length);
    if (length > longestLooped) this.#buffer.set(bytes, this.#start);
    else this.#loop(bytes, 0, length);
  }

  /** A part of a message, as it is. */
  part(source: Uint8Array, from: number, to: number): void {
    this.#reserve(to - from);
    if (to - from > longestLooped) this.#buffer.set(viewOf(source, from, to), this.#start);
    else this.#loop(source, from, to);
  }

  /** Each of these as it is, in their order. */
  all(pieces: readonly Uint8Array[]): void {
    for (let at = pieces.length - 1; at >= 0; at--) {
      const piece = pieces[at];
      if (piece !== undefined) this.bytes(piece);
    }
  }

  /** A string field. */
  text(field: FieldRef, text: string): void {
    const behind = this.length;
    this.characters(text);
    this.wrap(field, behind);
  }

  /** Text as it is. */
  characters(text: string): void {
    const { length } = text;
    if (length > longestLooped || !this.#ascii(text)) {
      const size = Buffer.byteLength(text);
      this.#reserve(size);
      this.#buffer.write(text, this.#start);
    }
  }

  /** Makes what was written since there were `length` bytes the value of a field. */
  wrap(field: FieldRef, length: number): void {
    const size = this.length - length;
    this.#varint(size);
    this.#varint(field.number * 8 + wireTypes.lengthDelimited);
  }

  /** What was written: nothing of it is written again. */
  finish(): Uint8Array {
    const message = viewOf(this.#buffer, this.#start, this.#end);
    if (this.#buffer.length > usualSize) this.#letGo();
    else this.#end = this.#start;
    return message;
  }

  /** Leaves a buffer to the large message in it: it would be kept as long as the writer. */
  #letGo(): void {
    this.#buffer = noBuffer;
    this.#start = 0;
    this.#end = 0;
  }

  /** Writes short text if it is ASCII; false, and nothing written, when it is not. */
  #ascii(text: string): boolean {
    const { length } = text;
    this.#reserve(length);
    const buffer = this.#buffer;
    const start = this.#start;
    let all = 0;
    for (let at = 0; at < length; at++) {
      const code = text.charCodeAt(at);
      all |= code;
      buffer[start + at] = code;
    }
    if (all < 0x80) return true;
    this.#start += length;
    return false;
  }

  #loop(source: Uint8Array, from: number, to: number): void {
    const buffer = this.#buffer;
    const shift = this.#start - from;
    for (let at = from; at < to; at++) buffer[at + shift] = source[at] ?? 0;
  }

  #varint(value: number): void {
    let size = 1;
    for (let left = value; left >= 0x80; left = Math.floor(left / 0x80)) size++;
    this.#reserve(size);
    let left = value;
    for (let at = this.#start; at < this.#start + size - 1; at++) {
      this.#buffer[at] = (left % 0x80) | 0x80;
      left = Math.floor(left / 0x80);
    }
    this.#buffer[this.#start + size - 1] = left;
  }

  /** Makes room in front for so many bytes, which are to be set. */
  #reserve(size: number): void {
    if (size > this.#start) this.#renew(2 * (this.length + size));
    this.#start -= size;
  }

  /** Goes on in another buffer, for a message of at most so many bytes. */
  #renew(size: number): void {
    const written = this.#buffer.subarray(this.#start, this.#end);
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(size, usualSize));
    this.#end = this.#buffer.length;
    this.#start = this.#end - written.length;
    this.#buffer.set(written, this.#start);
  }
}
