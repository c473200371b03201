import { copyOf } from './encoding.ts';
import { viewOf, wireTypes } from './field-reader.ts';
import type { FieldRef } from './field-ref.ts';
import type { ForwardWriter } from './forward-writer.ts';

/** Bytes that are set one by one, when they are no more: the engine's own functions take longer for so few. */
const longestLooped = 32;

/**
 * Writes a message from its end to its beginning, so that the length of what is inside is known when
 * the head in front of it is written: no buffer for each message within. What comes last is written
 * first. One at a time; used again and again.
 */
export class BackwardWriter {
  readonly #usualSize: number;
  #buffer: Buffer;
  #start: number;

  /** Bytes; most messages are smaller, and what a larger one needed is not kept. */
  constructor(usualSize = 4096) {
    this.#usualSize = usualSize;
    this.#buffer = Buffer.alloc(usualSize);
    this.#start = usualSize;
  }

  /** Begins a message. */
  begin(): void {
    this.#start = this.#buffer.length;
  }

  /** How many bytes are written. */
  get length(): number {
    return this.#buffer.length - this.#start;
  }

  /** Bytes as they are. */
  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#start);
  }

  /** A part of a message, as it is. */
  part(source: Uint8Array, from: number, to: number): void {
    const length = to - from;
    this.#reserve(length);
    if (length > longestLooped) {
      this.#buffer.set(viewOf(source, from, to), this.#start);
      return;
    }
    const shift = this.#start - from;
    for (let at = from; at < to; at++) this.#buffer[at + shift] = source[at] ?? 0;
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
    const length = Buffer.byteLength(text);
    this.#reserve(length);
    this.#buffer.write(text, this.#start);
    this.#head(field, length);
  }

  /** Makes what was written since there were `length` bytes the value of a field. */
  wrap(field: FieldRef, length: number): void {
    this.#head(field, this.length - length);
  }

  /** What was written, in a buffer of its own. */
  finish(): Uint8Array {
    const message = copyOf(this.#buffer, this.#start, this.#buffer.length);
    this.#letGo();
    return message;
  }

  /** Moves what was written behind what another writer has written. */
  moveTo(writer: ForwardWriter): void {
    writer.part(this.#buffer, this.#start, this.#buffer.length);
    this.#letGo();
  }

  #letGo(): void {
    if (this.#buffer.length > this.#usualSize) this.#buffer = Buffer.alloc(this.#usualSize);
    this.begin();
  }

  #head(field: FieldRef, length: number): void {
    this.#varint(length);
    this.#varint(field.number * 8 + wireTypes.lengthDelimited);
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
    if (size > this.#start) {
      const written = this.#buffer.subarray(this.#start);
      this.#buffer = Buffer.alloc(2 * (this.#buffer.length + size));
      this.#start = this.#buffer.length - written.length;
      this.#buffer.set(written, this.#start);
    }
    this.#start -= size;
  }
}
