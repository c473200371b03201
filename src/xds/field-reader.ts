import { MalformedMessageError } from './malformed.ts';

/** The wire types of the protobuf encoding (https://protobuf.dev/programming-guides/encoding). */
export const wireTypes = {
  varint: 0,
  fixed64: 1,
  lengthDelimited: 2,
  groupStart: 3,
  groupEnd: 4,
  fixed32: 5,
} as const;

const nothing = new Uint8Array();

/** Deepest nesting of groups that is walked; protobuf's own decoders stop at 100 levels too. */
const maxGroupDepth = 100;
const maxFieldNumber = 0x1fffffff;

/**
 * Walks the fields of one encoded message, in the order they came, without allocating.
 * After `next()` answered true, the properties describe the current field; offsets are into
 * `message`. `end - start` is the whole field, tag included; `valueStart` to `end` is its value
 * (for length-delimited fields: the bytes after the length).
 */
export class FieldReader {
  message: Uint8Array;
  number = 0;
  wireType = 0;
  start = 0;
  valueStart = 0;
  end = 0;
  /** Where the walk ends. */
  limit: number;

  /** Walks all of `message`, or a message that lies in it `from` one offset `to` another. */
  constructor(message: Uint8Array = nothing, from = 0, to = message.length) {
    this.message = message;
    this.start = from;
    this.end = from;
    this.limit = to;
  }

  /** Moves to the next field; false at the end. Throws MalformedMessageError. */
  next(): boolean {
    if (this.end >= this.limit) return false;
    this.start = this.end;
    if (this.#readShort()) return true;
    this.#readTag();
    if (this.wireType === wireTypes.groupEnd) this.#fail('a group ends that was never started');
    this.#readValue();
    return true;
  }

  /**
   * Moves to the next field if tag and length have at most two bytes each, or it is a varint of one:
   * nearly all are. False, and nothing moved, for any other.
   */
  #readShort(): boolean {
    const { message, start } = this;
    let tag = message[start] ?? 0;
    let at = start + 1;
    if (tag >= 0x80) {
      const high = message[at++] ?? 0x80;
      if (high >= 0x80) return false;
      tag += (high - 1) * 0x80;
    }
    if (tag < 8) return false;
    const wireType = tag & 7;
    if (wireType === wireTypes.lengthDelimited) {
      if (!this.#takeShort(at)) return false;
    } else if (wireType !== wireTypes.varint || !this.#takeByte(at)) return false;
    this.number = tag >>> 3;
    this.wireType = wireType;
    return true;
  }

  /** Takes a value whose length is at this offset, if that has one byte or two. */
  #takeShort(at: number): boolean {
    const { message } = this;
    let length = message[at] ?? 0;
    let valueStart = at + 1;
    if (length >= 0x80) {
      const high = message[valueStart++] ?? 0x80;
      if (high >= 0x80) return false;
      length += (high - 1) * 0x80;
    }
    const end = valueStart + length;
    if (end > this.limit) return false;
    this.valueStart = valueStart;
    this.end = end;
    return true;
  }

  /** Takes a varint at this offset, if it has one byte. */
  #takeByte(at: number): boolean {
    if (at >= this.limit || (this.message[at] ?? 0x80) >= 0x80) return false;
    this.valueStart = at;
    this.end = at + 1;
    return true;
  }

  /** A reader of the current length-delimited field's value; cheaper than a view of it. */
  inside(): FieldReader {
    return new FieldReader(this.message, this.valueStart, this.end);
  }

  /** Has the reader walk another message, or another part of one, from now on. */
  over(message: Uint8Array, from: number, to: number): this {
    if (this.message !== message) this.message = message; // a store that the garbage collector notes
    this.start = from;
    this.end = from;
    this.limit = to;
    return this;
  }

  /** The value of the current length-delimited field: a view, not a copy. */
  value(): Uint8Array {
    return viewOf(this.message, this.valueStart, this.end);
  }

  /** Whether what is still to be walked is exactly this text, which is ASCII. */
  isText(text: string): boolean {
    if (this.limit - this.end !== text.length) return false;
    for (let at = 0; at < text.length; at++) {
      if (this.message[this.end + at] !== text.charCodeAt(at)) return false;
    }
    return true;
  }

  /** Whether the value of the current length-delimited field is exactly these bytes. */
  isValue(bytes: Uint8Array): boolean {
    const { message, valueStart } = this;
    if (this.end - valueStart !== bytes.length) return false;
    for (let at = bytes.length - 1; at >= 0; at--) {
      if (message[valueStart + at] !== bytes[at]) return false;
    }
    return true;
  }

  /** What is still to be walked: a view, not a copy. */
  rest(): Uint8Array {
    return viewOf(this.message, this.end, this.limit);
  }

  /** The whole current field, tag included: a view, not a copy. */
  raw(): Uint8Array {
    return viewOf(this.message, this.start, this.end);
  }

  /** The value of the current varint field, as an unsigned number; precise up to 2^53. */
  varint(): number {
    const end = this.end;
    this.end = this.valueStart;
    const value = this.#readVarint();
    this.end = end;
    return value;
  }

  #readTag(): void {
    const tag = this.#readVarint();
    if (tag > 0xffffffff) this.#fail('the tag is larger than 32 bits');
    this.number = tag >>> 3;
    this.wireType = tag & 7;
    if (this.number === 0 || this.number > maxFieldNumber) this.#fail('field number 0');
  }

  #readValue(): void {
    switch (this.wireType) {
      case wireTypes.varint:
        this.valueStart = this.end;
        this.#readVarint();
        return;
      case wireTypes.fixed64:
        this.#take(8);
        return;
      case wireTypes.fixed32:
        this.#take(4);
        return;
      case wireTypes.lengthDelimited:
        this.#take(this.#readVarint());
        return;
      case wireTypes.groupStart:
        this.#skipGroup();
        return;
      default:
        this.#fail(`wire type ${this.wireType} does not exist`);
    }
  }

  #take(length: number): void {
    const left = this.limit - this.end;
    if (length > left) {
      this.#fail(`field ${this.number} wants ${length} bytes, ${left} are left`);
    }
    this.valueStart = this.end;
    this.end += length;
  }

  #skipGroup(): void {
    const { start, number } = this;
    const valueStart = this.end;
    const open = [number];
    while (open.length > 0) {
      if (this.end >= this.limit) this.#fail(`group ${number} does not end`);
      this.#readTag();
      if (this.wireType === wireTypes.groupStart) {
        if (open.length >= maxGroupDepth) this.#fail('groups nest too deeply');
        open.push(this.number);
      } else if (this.wireType === wireTypes.groupEnd) {
        if (open.pop() !== this.number) this.#fail(`group ${this.number} ends out of turn`);
      } else {
        this.#readValue();
      }
    }
    this.start = start;
    this.number = number;
    this.wireType = wireTypes.groupStart;
    this.valueStart = valueStart;
  }

  /** Reads a varint at `end` and moves `end` behind it. Nearly all tags and lengths have one byte. */
  #readVarint(): number {
    const byte = this.end < this.limit ? this.message[this.end] : undefined;
    if (byte === undefined || byte >= 0x80) return this.#readLongVarint();
    this.end++;
    return byte;
  }

  #readLongVarint(): number {
    const { message } = this;
    let value = 0;
    let scale = 1;
    for (let read = 0; read < 10; read++) {
      const byte = this.end < this.limit ? message[this.end] : undefined;
      if (byte === undefined) this.#fail('a varint is cut off');
      this.end++;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    return this.#fail('a varint is longer than 10 bytes');
  }

  #fail(reason: string): never {
    throw new MalformedMessageError(reason, '', this.start);
  }
}

/** A view of a part; a third of the time of `subarray`, which asks for the class to make first. */
export function viewOf({ buffer, byteOffset }: Uint8Array, from: number, to: number): Uint8Array {
  return new Uint8Array(buffer, byteOffset + from, to - from);
}

const spareReaders: FieldReader[] = [];

/** A reader that is kept, and walks one message after the other: where many are walked, as one of each level. */
export function spareReader(): FieldReader {
  const reader = new FieldReader();
  spareReaders.push(reader);
  return reader;
}

/** Has spare readers let go of what they walked last: a view keeps all of its request in memory. */
export function releaseSpareReaders(): void {
  for (const reader of spareReaders) if (reader.message !== nothing) reader.over(nothing, 0, 0);
}
