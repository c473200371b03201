import type { FieldRef } from './fields.ts';
import { insideField, MalformedMessageError } from './malformed.ts';

/** The wire types of the protobuf encoding (https://protobuf.dev/programming-guides/encoding). */
export const wireTypes = {
  varint: 0,
  fixed64: 1,
  lengthDelimited: 2,
  groupStart: 3,
  groupEnd: 4,
  fixed32: 5,
} as const;

/** Deepest nesting of groups that is walked; protobuf's own decoders stop at 100 levels too. */
const maxGroupDepth = 100;
const maxFieldNumber = 0x1fffffff;

/**
 * Walks the fields of one encoded message, in the order they came, without allocating.
 * After `next()` answered true, the properties describe the current field; offsets are into the
 * message. `end - start` is the whole field, tag included; `valueStart` to `end` is its value
 * (for length-delimited fields: the bytes after the length).
 */
export class FieldReader {
  readonly message: Uint8Array;
  number = 0;
  wireType = 0;
  start = 0;
  valueStart = 0;
  end = 0;

  constructor(message: Uint8Array) {
    this.message = message;
  }

  /** Moves to the next field; false at the end. Throws MalformedMessageError. */
  next(): boolean {
    if (this.end >= this.message.length) return false;
    this.start = this.end;
    this.#readTag();
    if (this.wireType === wireTypes.groupEnd) this.#fail('a group ends that was never started');
    this.#readValue();
    return true;
  }

  /** The value of the current length-delimited field: a view, not a copy. */
  value(): Uint8Array {
    return this.message.subarray(this.valueStart, this.end);
  }

  /** The whole current field, tag included: a view, not a copy. */
  raw(): Uint8Array {
    return this.message.subarray(this.start, this.end);
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
    this.number = Math.floor(tag / 8);
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
    const left = this.message.length - this.end;
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
      if (this.end >= this.message.length) this.#fail(`group ${number} does not end`);
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

  /** Reads a varint at `end` and moves `end` behind it. */
  #readVarint(): number {
    const { message } = this;
    let value = 0;
    let scale = 1;
    for (let read = 0; read < 10; read++) {
      const byte = message[this.end];
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

/** What becomes of one field: kept, dropped, or these bytes (whole fields, tags included) instead. */
export type FieldEdit = 'keep' | 'drop' | readonly Uint8Array[];

/**
 * Rewrites a message field by field. `decide` sees each field in turn; `append` comes last.
 * Answers the very same buffer when every field was kept and nothing was appended: unknown fields,
 * odd orders and odd encodings survive because nobody re-encodes them.
 */
export function editFields(
  message: Uint8Array,
  decide: (field: FieldReader) => FieldEdit,
  append: readonly Uint8Array[] = [],
): Uint8Array {
  const parts: Uint8Array[] = [];
  let copied = 0;
  const reader = new FieldReader(message);
  while (reader.next()) {
    const edit = decide(reader);
    if (edit === 'keep') continue;
    if (reader.start > copied) parts.push(message.subarray(copied, reader.start));
    if (edit !== 'drop') parts.push(...edit);
    copied = reader.end;
  }
  if (copied === 0 && parts.length === 0 && append.length === 0) return message;
  if (message.length > copied) parts.push(message.subarray(copied));
  parts.push(...append);
  return concatenate(parts);
}

/**
 * Rewrites each occurrence of one length-delimited field. `rewrite` answers the same value to keep
 * it, another one to replace it, or undefined to drop it. Same buffer back when nothing changed.
 * An error below names this field and the occurrence's index.
 */
export function mapFields(
  message: Uint8Array,
  field: FieldRef,
  rewrite: (value: Uint8Array, index: number) => Uint8Array | undefined,
): Uint8Array {
  let index = 0;
  return editFields(message, (reader) => {
    if (reader.number !== field.number) return 'keep';
    expectLengthDelimited(reader, field);
    const value = reader.value();
    const at = index++;
    const result = insideField(`${field.name}[${at}]`, reader.valueStart, () => rewrite(value, at));
    if (result === value) return 'keep';
    return result === undefined ? 'drop' : [encodeField(field, result)];
  });
}

/** Visits each occurrence of one length-delimited field. Errors below name it, as in `mapFields`. */
export function forEachField(
  message: Uint8Array,
  field: FieldRef,
  visit: (value: Uint8Array, index: number) => void,
): void {
  const reader = new FieldReader(message);
  let index = 0;
  while (reader.next()) {
    if (reader.number !== field.number) continue;
    expectLengthDelimited(reader, field);
    const at = index++;
    insideField(`${field.name}[${at}]`, reader.valueStart, () => visit(reader.value(), at));
  }
}

/** The values of a length-delimited field, in order: views, not copies. */
export function valuesOf(message: Uint8Array, field: FieldRef): Uint8Array[] {
  const values: Uint8Array[] = [];
  forEachField(message, field, (value) => values.push(value));
  return values;
}

/** The last value of a length-delimited field, which is the one a decoder of strings keeps. */
export function lastValueOf(message: Uint8Array, field: FieldRef): Uint8Array | undefined {
  return valuesOf(message, field).at(-1);
}

/**
 * Throws an ambiguous MalformedMessageError when more than one of these fields occurs: of a oneof
 * the last one wins, a repeated singular message merges, and an edit of either would guess.
 */
export function expectAtMostOne(message: Uint8Array, ...oneOf: readonly FieldRef[]): void {
  const reader = new FieldReader(message);
  let seen = 0;
  while (reader.next()) {
    const field = oneOf.find((one) => one.number === reader.number);
    if (field === undefined || ++seen < 2) continue;
    throw new MalformedMessageError(
      `${field.message} has ${oneOf.map((one) => one.name).join(' or ')} more than once`,
      '',
      reader.start,
      'ambiguous',
    );
  }
}

/** A string field's value, '' when absent, as proto3 has it. */
export function stringOf(message: Uint8Array, field: FieldRef): string {
  const value = lastValueOf(message, field);
  return value === undefined ? '' : decodeString(value);
}

/** Whether a field with this number occurs, whatever its wire type. */
export function hasField(message: Uint8Array, field: FieldRef): boolean {
  const reader = new FieldReader(message);
  while (reader.next()) if (reader.number === field.number) return true;
  return false;
}

/** A varint field's value, the last one given, 0 when absent. */
export function varintOf(message: Uint8Array, field: FieldRef): number {
  const reader = new FieldReader(message);
  let value = 0;
  while (reader.next()) {
    if (reader.number !== field.number) continue;
    if (reader.wireType !== wireTypes.varint) wrongWireType(reader, field, 'a varint');
    value = reader.varint();
  }
  return value;
}

/** Throws MalformedMessageError when the reader's current field is not length-delimited. */
export function expectLengthDelimited(reader: FieldReader, field: FieldRef): void {
  if (reader.wireType !== wireTypes.lengthDelimited) {
    wrongWireType(reader, field, 'length-delimited');
  }
}

function wrongWireType(reader: FieldReader, field: FieldRef, wanted: string): never {
  throw new MalformedMessageError(
    `${field.name} (field ${field.number} of ${field.message}) is ${wanted}, ` +
      `but came with wire type ${reader.wireType}`,
    '',
    reader.start,
  );
}

const textDecoder = new TextDecoder('utf-8', { ignoreBOM: true });
const textEncoder = new TextEncoder();

/** UTF-8 bytes as text; invalid sequences become U+FFFD, so they equal no name. */
export function decodeString(bytes: Uint8Array): string {
  return textDecoder.decode(bytes);
}

/** Text as UTF-8 bytes. */
export function encodeString(text: string): Uint8Array {
  return textEncoder.encode(text);
}

/** One length-delimited field, tag and length included, in its shortest encoding. */
export function encodeField(field: FieldRef, value: Uint8Array): Uint8Array {
  const tag = field.number * 8 + wireTypes.lengthDelimited;
  const bytes = new Uint8Array(varintSize(tag) + varintSize(value.length) + value.length);
  const valueAt = writeVarint(bytes, writeVarint(bytes, 0, tag), value.length);
  bytes.set(value, valueAt);
  return bytes;
}

/** These buffers one after the other, in one new buffer. */
export function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  let size = 0;
  for (const part of parts) size += part.length;
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function varintSize(value: number): number {
  let size = 1;
  for (let left = value; left >= 128; left = Math.floor(left / 128)) size++;
  return size;
}

function writeVarint(bytes: Uint8Array, offset: number, value: number): number {
  let at = offset;
  let left = value;
  while (left >= 128) {
    bytes[at++] = (left % 128) | 0x80;
    left = Math.floor(left / 128);
  }
  bytes[at++] = left;
  return at;
}
