import { sizeOf } from './scratch.ts';

/**
 * The request that is walked, and how far: one for the whole process, whose fields are numbers, since nothing
 * is faster in JavaScript. It trusts what it reads, as no server may: see src/xds/field-reader.ts.
 */
export const walk: { bytes: Uint8Array; at: number } = { bytes: new Uint8Array(), at: 0 };

/** Walks this request from now on. */
export function walkOver(request: Uint8Array): void {
  walk.bytes = request;
  walk.at = 0;
}

/** Reads a tag or a length of at most 28 bits. */
export function readVarint(): number {
  const { bytes } = walk;
  let value = 0;
  for (let shift = 0; shift < 28; shift += 7) {
    const byte = bytes[walk.at++] ?? 0;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  throw new Error('a varint of more than four bytes');
}

/** Moves to the value of a length-delimited field, and answers where that ends. */
export function enter(): number {
  const length = readVarint();
  return walk.at + length;
}

/** Moves behind the value of a field with this tag. */
export function skip(tag: number): void {
  switch (tag & 7) {
    case 0:
      readVarint();
      return;
    case 1:
      walk.at += 8;
      return;
    case 2:
      walk.at = enter();
      return;
    case 5:
      walk.at += 4;
      return;
    default:
      throw new Error(`wire type ${tag & 7}`);
  }
}

/** Where something is in the request. */
export class Part {
  from = 0;
  to = 0;

  set(from: number, to: number): void {
    this.from = from;
    this.to = to;
  }

  /** It is the value of the field in which the walk is; moves behind it. */
  take(): void {
    this.to = enter();
    this.from = walk.at;
    walk.at = this.to;
  }

  get length(): number {
    return this.to - this.from;
  }

  /** Where its field begins, if its tag has one byte. */
  get start(): number {
    return this.from - sizeOf(this.length) - 1;
  }

  get hash(): number {
    return hashOf(walk.bytes, this.from, this.to);
  }
}

/** A number that is equal for equal bytes, and seldom for others. */
export function hashOf(bytes: Uint8Array, from: number, to: number): number {
  let hash = 0;
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ (bytes[at] ?? 0), 0x01000193);
  return hash;
}
