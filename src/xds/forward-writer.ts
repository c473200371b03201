import { copyOf } from './encoding.ts';
import { viewOf } from './field-reader.ts';

/** Bytes; most messages are smaller, and what a larger one needed is not kept. */
const usualSize = 64 * 1024;

/** Writes a message from its beginning, of parts of others. One at a time; used again and again. */
export class ForwardWriter {
  #bytes: Uint8Array = new Uint8Array(usualSize);
  #length = 0;
  #expected = 0;

  /** Begins a message that will have about so many bytes. */
  begin(expected: number): void {
    this.#length = 0;
    this.#expected = expected;
  }

  /** Bytes as they are. */
  bytes(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    if (length > this.#bytes.length) this.#grow(length);
    this.#bytes.set(bytes, this.#length);
    this.#length = length;
  }

  /** A part of a message, as it is. */
  part(source: Uint8Array, from: number, to: number): void {
    if (from < to) this.bytes(viewOf(source, from, to));
  }

  /** What was written, in a buffer of its own. */
  finish(): Uint8Array {
    const bytes = this.#bytes;
    const length = this.#length;
    if (bytes.length === usualSize) return copyOf(bytes, 0, length);
    this.letGo();
    return viewOf(bytes, 0, length);
  }

  /** Lets go of what a larger message needed. */
  letGo(): void {
    this.#length = 0;
    if (this.#bytes.length > usualSize) this.#bytes = new Uint8Array(usualSize);
  }

  #grow(length: number): void {
    const larger = allocate(Math.max(2 * length, Math.ceil(this.#expected)));
    larger.set(viewOf(this.#bytes, 0, this.#length));
    this.#bytes = larger;
  }
}

/** Bytes that are not set to anything. */
function allocate(size: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(size).buffer);
}
