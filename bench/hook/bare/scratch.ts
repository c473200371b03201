/** How many bytes a varint has. */
export function sizeOf(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  return value < 0x20_0000 ? 3 : 4;
}

/** How many bytes a length-delimited field has whose tag has one byte. */
export function fieldSize(length: number): number {
  return 1 + sizeOf(length) + length;
}

/** Of so few bytes a loop is faster than a call. */
const longestLooped = 200;

/** What is written of an answer, one message behind the other, in a buffer that is used again and again. */
export class Scratch {
  bytes: Buffer = Buffer.allocUnsafeSlow(1 << 20);
  at = 0;

  /** Has room for that many bytes more. */
  makeRoom(size: number): void {
    if (this.at + size <= this.bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(2 * (this.at + size));
    this.bytes.copy(larger, 0, 0, this.at);
    this.bytes = larger;
  }

  /** A tag, and a length. */
  head(tag: number, length: number): void {
    this.varint(tag);
    this.varint(length);
  }

  byte(value: number): void {
    this.bytes[this.at++] = value;
  }

  varint(value: number): void {
    let left = value;
    while (left >= 0x80) {
      this.bytes[this.at++] = (left & 0x7f) | 0x80;
      left >>>= 7;
    }
    this.bytes[this.at++] = left;
  }

  copy(source: Buffer, from: number, to: number): void {
    if (to - from > longestLooped) source.copy(this.bytes, this.at, from, to);
    else this.#loop(source, from, to);
    this.at += to - from;
  }

  put(encoded: Uint8Array): void {
    this.#loop(encoded, 0, encoded.length);
    this.at += encoded.length;
  }

  ascii(text: string): void {
    this.at += this.bytes.write(text, this.at, 'latin1');
  }

  #loop(source: Uint8Array, from: number, to: number): void {
    const { bytes, at } = this;
    for (let next = from; next < to; next++) bytes[at + next - from] = source[next] ?? 0;
  }
}
