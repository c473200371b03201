import { concatenate, encodeFieldHead } from './encoding.ts';
import { FieldReader, viewOf } from './field-reader.ts';
import type { FieldRef } from './field-ref.ts';
import { fields } from './fields.ts';
import { MalformedMessageError, seenFromOutside } from './malformed.ts';
import { decodeString } from './text.ts';
import { expectLengthDelimited, expectVarint } from './wire-type.ts';

const nothing = new Uint8Array();

/** What becomes of one field: kept, dropped, or these bytes (whole fields, tags included) instead. */
export type FieldEdit = 'keep' | 'drop' | readonly Uint8Array[];

/**
 * Rewrites a message field by field. `decide` sees each field in turn; `append` comes last.
 * Answers the very same buffer when every field was kept and nothing was appended: unknown fields,
 * odd orders and odd encodings survive because nobody re-encodes them.
 *
 * What `decide` needs comes as its `context`, here and in all walks below: see decision 0011 for where it
 * may not be a closure instead.
 */
export function editFields(
  message: Uint8Array,
  decide: (field: FieldReader) => FieldEdit,
  append?: readonly Uint8Array[],
): Uint8Array;
export function editFields<Context>(
  message: Uint8Array,
  decide: (field: FieldReader, context: Context) => FieldEdit,
  append: readonly Uint8Array[],
  context: Context,
): Uint8Array;
export function editFields<Context>(
  message: Uint8Array,
  decide: (field: FieldReader, context: Context | undefined) => FieldEdit,
  append: readonly Uint8Array[] = [],
  context?: Context,
): Uint8Array {
  const parts: Uint8Array[] = [];
  let copied = 0;
  const reader = new FieldReader(message);
  while (reader.next()) {
    const edit = decide(reader, context);
    if (edit === 'keep') continue;
    if (reader.start > copied) parts.push(viewOf(message, copied, reader.start));
    if (edit !== 'drop') for (const part of edit) parts.push(part);
    copied = reader.end;
  }
  if (copied === 0 && parts.length === 0 && append.length === 0) return message;
  if (message.length > copied) parts.push(viewOf(message, copied, message.length));
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
): Uint8Array;
export function mapFields<Context>(
  message: Uint8Array,
  field: FieldRef,
  rewrite: (value: Uint8Array, index: number, context: Context) => Uint8Array | undefined,
  context: Context,
): Uint8Array;
export function mapFields<Context>(
  message: Uint8Array,
  field: FieldRef,
  rewrite: (
    value: Uint8Array,
    index: number,
    context: Context | undefined,
  ) => Uint8Array | undefined,
  context?: Context,
): Uint8Array {
  let parts: Uint8Array[] | undefined;
  let copied = 0;
  const reader = new FieldReader(message);
  for (let index = 0; nextOccurrence(reader, field); index++) {
    const value = reader.value();
    let result: Uint8Array | undefined;
    try {
      result = rewrite(value, index, context);
    } catch (error) {
      throw seenFromOutside(error, `${field.name}[${index}]`, reader.valueStart);
    }
    if (result === value) continue;
    parts ??= [];
    if (reader.start > copied) parts.push(viewOf(message, copied, reader.start));
    if (result !== undefined) parts.push(encodeFieldHead(field, result.length), result);
    copied = reader.end;
  }
  if (parts === undefined) return message;
  if (message.length > copied) parts.push(viewOf(message, copied, message.length));
  return concatenate(parts);
}

/** Visits each occurrence of one length-delimited field. Errors below name it, as in `mapFields`. */
export function forEachField(
  message: Uint8Array,
  field: FieldRef,
  visit: (value: Uint8Array, index: number) => void,
): void;
export function forEachField<Context>(
  message: Uint8Array,
  field: FieldRef,
  visit: (value: Uint8Array, index: number, context: Context) => void,
  context: Context,
): void;
export function forEachField<Context>(
  message: Uint8Array,
  field: FieldRef,
  visit: (value: Uint8Array, index: number, context: Context | undefined) => void,
  context?: Context,
): void {
  const reader = new FieldReader(message);
  for (let index = 0; nextOccurrence(reader, field); index++) {
    try {
      visit(reader.value(), index, context);
    } catch (error) {
      throw seenFromOutside(error, `${field.name}[${index}]`, reader.valueStart);
    }
  }
}

/** What `read` makes of each occurrence of a length-delimited field; errors below name it. */
export function collectFields<T>(
  message: Uint8Array,
  field: FieldRef,
  read: (value: Uint8Array) => T,
): T[] {
  const results: T[] = [];
  forEachField(message, field, collect<T>, { read, results });
  return results;
}

/** What was read so far, and by what. */
interface Collected<T> {
  readonly read: (value: Uint8Array) => T;
  readonly results: T[];
}

function collect<T>(value: Uint8Array, _index: number, { read, results }: Collected<T>): void {
  results.push(read(value));
}

/**
 * For walks in which nothing else walks: all of them have this one, and let it go when they end, as what
 * it walked last would stay in memory.
 */
const walker = new FieldReader();

function walk(message: Uint8Array): FieldReader {
  return walker.over(message, 0, message.length);
}

function letGo(): void {
  walk(nothing);
}

/** The values of a length-delimited field, in order: views, not copies. */
export function valuesOf(message: Uint8Array, field: FieldRef): Uint8Array[] {
  const values: Uint8Array[] = [];
  try {
    walk(message);
    while (nextOccurrence(walker, field)) values.push(walker.value());
  } finally {
    letGo();
  }
  return values;
}

/** The last value of a length-delimited field, which is the one a decoder of strings keeps. */
export function lastValueOf(message: Uint8Array, field: FieldRef): Uint8Array | undefined {
  let start = -1;
  let end = -1;
  try {
    walk(message);
    while (nextOccurrence(walker, field)) {
      start = walker.valueStart;
      end = walker.end;
    }
    return start === -1 ? undefined : walker.over(message, start, end).rest();
  } finally {
    letGo();
  }
}

/** A reader of what `lastValueOf` answers, without a view of it. */
export function readLastValue(outer: FieldReader, field: FieldRef): FieldReader | undefined {
  let start = -1;
  let end = -1;
  while (nextOccurrence(outer, field)) {
    start = outer.valueStart;
    end = outer.end;
  }
  return start === -1 ? undefined : new FieldReader(outer.message, start, end);
}

/** Moves to the next occurrence of a length-delimited field; false at the end. */
export function nextOccurrence(reader: FieldReader, field: FieldRef): boolean {
  while (reader.next()) {
    if (reader.number !== field.number) continue;
    expectLengthDelimited(reader, field);
    return true;
  }
  return false;
}

/**
 * Throws an ambiguous MalformedMessageError when more than one of these fields occurs: of a oneof
 * the last one wins, a repeated singular message merges, and an edit of either would guess.
 */
export function expectAtMostOne(message: Uint8Array, ...oneOf: readonly FieldRef[]): void {
  let seen = 0;
  try {
    walk(message);
    while (walker.next()) {
      if (!hasNumber(oneOf, walker.number) || ++seen < 2) continue;
      const field = oneOf.find((one) => one.number === walker.number) ?? oneOf[0];
      throw new MalformedMessageError(
        `${field?.message} has ${oneOf.map((one) => one.name).join(' or ')} more than once`,
        '',
        walker.start,
        'ambiguous',
      );
    }
  } finally {
    letGo();
  }
}

function hasNumber(candidates: readonly FieldRef[], number: number): boolean {
  for (const one of candidates) if (one.number === number) return true;
  return false;
}

/** A string field's value, '' when absent, as proto3 has it. */
export function stringOf(message: Uint8Array, field: FieldRef): string {
  const value = lastValueOf(message, field);
  return value === undefined ? '' : decodeString(value);
}

/** Whether a field with this number occurs, whatever its wire type. */
export function hasField(message: Uint8Array, field: FieldRef): boolean {
  try {
    walk(message);
    while (walker.next()) if (walker.number === field.number) return true;
    return false;
  } finally {
    letGo();
  }
}

/** Whether an occurrence of a length-delimited field has exactly these bytes as its value. */
export function hasValue(message: Uint8Array, field: FieldRef, value: Uint8Array): boolean {
  const reader = new FieldReader(message);
  let isFound = false;
  while (nextOccurrence(reader, field)) isFound ||= reader.isValue(value);
  return isFound;
}

/** A varint field's value, the last one given, 0 when absent. */
export function varintOf(message: Uint8Array, field: FieldRef): number {
  let value = 0;
  try {
    walk(message);
    while (walker.next()) {
      if (walker.number !== field.number) continue;
      expectVarint(walker, field);
      value = walker.varint();
    }
  } finally {
    letGo();
  }
  return value;
}

/**
 * The value of a google.protobuf.BoolValue field, undefined when absent. Given more than once, its
 * occurrences merge, as in every decoder.
 */
export function wrappedBoolOf(message: Uint8Array, field: FieldRef): boolean | undefined {
  const values = valuesOf(message, field);
  const [first] = values;
  if (first === undefined) return undefined;
  const merged = values.length === 1 ? first : concatenate(values);
  return varintOf(merged, fields.BoolValue.value) !== 0;
}
