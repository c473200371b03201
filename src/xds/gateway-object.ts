import { FieldReader, spareReader } from './field-reader.ts';
import type { FieldRef } from './field-ref.ts';
import { fields } from './fields.ts';
import { MalformedMessageError, seenFromOutside } from './malformed.ts';
import { lastEntry, mapValue } from './map-entry.ts';
import type { Span } from './span.ts';
import { type ObjectSpans, readUsualObject } from './usual-object.ts';
import { nextOccurrence } from './wire.ts';
import { over } from './wire-type.ts';
import { wordsOf } from './words.ts';

const { Metadata, Struct, Value, ListValue } = fields;

/**
 * Finds the first object in `filter_metadata["envoy-gateway"].resources` of metadata that a reader has still
 * to walk, and notes where its names are in the message; false when Envoy Gateway wrote none. Throws
 * MalformedMessageError. Whoever asks lets go of spare readers.
 */
export function findObject(metadata: FieldReader, spans: ObjectSpans): boolean {
  const { message, end, limit } = metadata;
  return readUsualObject(wordsOf(message), end, limit, spans) || findUnusualObject(metadata, spans);
}

/** The same of metadata that is not as `readUsualObject` reads it. */
export function findUnusualObject(metadata: FieldReader, spans: ObjectSpans): boolean {
  const object = firstObject(metadata);
  if (object === undefined) return false;
  noteNames(object, spans);
  return true;
}

/** One for each level of messages on the way to an object, used again and again. */
const readers = {
  struct: spareReader(),
  value: spareReader(),
  list: spareReader(),
  first: spareReader(),
  object: spareReader(),
  text: spareReader(),
};
const all = Object.values(readers);
const nothing = new Uint8Array();

/** Lets go of the spare readers that are used here, and of no other. */
export function letGoOfObject(): void {
  for (const reader of all) reader.over(nothing, 0, 0);
  lastEntry.letGo();
}

/** A reader of the Struct that is the first object in metadata. */
export function firstObject(metadata: FieldReader): FieldReader | undefined {
  const struct = mapValue(metadata, Metadata.filter_metadata, 'envoy-gateway', readers.struct);
  const resources = struct && mapValue(struct, Struct.fields, 'resources', readers.value);
  const list = resources && lastOf(resources, Value.list_value, readers.list);
  if (list === undefined || !nextOccurrence(list, ListValue.values)) return undefined;
  const first = over(list, ListValue.values, readers.first);
  while (nextOccurrence(list, ListValue.values)); // malformed ones behind it count too
  return lastOf(first, Value.struct_value, readers.object);
}

/** Notes where the names are of an object that a reader has still to walk. */
export function noteNames(struct: FieldReader, spans: ObjectSpans): void {
  const { message, start, limit } = struct;
  try {
    readNames(struct, spans);
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
    readNames(new FieldReader(message.subarray(start, limit)), spans); // which says where in it
  }
}

function readNames(struct: FieldReader, spans: ObjectSpans): void {
  spans.clear();
  for (let index = 0; nextOccurrence(struct, Struct.fields); index++) {
    try {
      lastEntry.read(struct);
      const span = spanOfEntry(spans);
      const value = span && lastEntry.value(struct, readers.value);
      const text = value && lastOf(value, Value.string_value, readers.text);
      if (text !== undefined) span?.set(text.end, text.limit);
    } catch (error) {
      throw seenFromOutside(error, `${Struct.fields.name}[${index}]`, 0);
    }
  }
}

/** Where it is noted what an entry says. */
function spanOfEntry({ kind, namespace, name, sectionName }: ObjectSpans): Span | undefined {
  if (lastEntry.isKey('kind')) return kind;
  if (lastEntry.isKey('namespace')) return namespace;
  if (lastEntry.isKey('name')) return name;
  return lastEntry.isKey('sectionName') ? sectionName : undefined;
}

/** The last occurrence of a length-delimited field, for a reader to walk. */
function lastOf(message: FieldReader, field: FieldRef, into: FieldReader): FieldReader | undefined {
  let found: FieldReader | undefined;
  while (nextOccurrence(message, field)) found = over(message, field, into);
  return found;
}
