import { FieldReader, spareReader, wireTypes } from './field-reader.ts';
import type { FieldRef } from './field-ref.ts';
import { fields } from './fields.ts';
import { MalformedMessageError, seenFromOutside } from './malformed.ts';
import { decodeString } from './text.ts';
import { ObjectPlaces, type Place, readUsualObject } from './usual-object.ts';
import { lastValueOf, nextOccurrence, readLastValue } from './wire.ts';
import { over } from './wire-type.ts';
import { wordsOf } from './words.ts';

/** The names of a Kubernetes object. */
export interface ObjectNames {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** The Kubernetes object that Envoy Gateway names in a resource's metadata. */
export interface GatewayObject extends ObjectNames {
  /** Rule name (routes) or listener name (virtual hosts); '' when there is none. */
  readonly sectionName: string;
}

const metadataKey = 'envoy-gateway';

/**
 * The first object in `filter_metadata["envoy-gateway"].resources` of a route, virtual host or
 * cluster; undefined when Envoy Gateway wrote none. Throws MalformedMessageError.
 */
export function readGatewayObject(
  message: Uint8Array,
  metadataField: FieldRef,
): GatewayObject | undefined {
  const metadata = readLastValue(new FieldReader(message), metadataField);
  try {
    return metadata && readObjectIn(metadata, usualObjectOf);
  } finally {
    letGo();
  }
}

/**
 * Its names alone, of metadata that a reader has still to walk. Whoever asks lets go of spare readers.
 */
export function readNamesIn(metadata: FieldReader): ObjectNames | undefined {
  return readObjectIn(metadata, usualNamesOf);
}

function readObjectIn<Names extends ObjectNames>(
  metadata: FieldReader,
  usualOf: (message: Uint8Array) => Names,
): Names | GatewayObject | undefined {
  const { message, end, limit } = metadata;
  if (readUsualObject(wordsOf(message), end, limit, places)) return usualOf(message);
  const object = firstObject(metadata);
  return object && readObject(object);
}

/** Where the object that was read last has its texts. */
const places = new ObjectPlaces();

function usualObjectOf(message: Uint8Array): GatewayObject {
  const { kind, namespace, name, sectionName } = places;
  return {
    kind: textAt(message, kind),
    namespace: textAt(message, namespace),
    name: textAt(message, name),
    sectionName: textAt(message, sectionName),
  };
}

function usualNamesOf(message: Uint8Array): ObjectNames {
  const { kind, namespace, name } = places;
  return {
    kind: textAt(message, kind),
    namespace: textAt(message, namespace),
    name: textAt(message, name),
  };
}

function textAt(message: Uint8Array, { from, to }: Place): string {
  return from === to ? '' : textOf(readers.text.over(message, from, to));
}

/**
 * That object, and one of its annotations if it has it: `generation` for
 * `gateway.envoyproxy.io/generation`, the only prefix that Envoy Gateway passes on. Throws
 * MalformedMessageError.
 */
export function readAnnotatedObject(
  message: Uint8Array,
  metadataField: FieldRef,
  annotation: string,
): (GatewayObject & { readonly annotation: string | undefined }) | undefined {
  const object = firstObjectOf(message, metadataField);
  if (object === undefined) return undefined;
  const annotations = structValue(object, 'annotations');
  const struct = annotations && lastValueOf(annotations, fields.Value.struct_value);
  const value = struct && structValue(struct, annotation);
  const text = value && lastValueOf(value, fields.Value.string_value);
  const its = readObject(new FieldReader(object));
  letGo();
  return { ...its, annotation: text && decodeString(text) };
}

function firstObjectOf(message: Uint8Array, metadataField: FieldRef): Uint8Array | undefined {
  const metadata = readLastValue(new FieldReader(message), metadataField);
  try {
    return metadata && firstObject(metadata)?.rest();
  } finally {
    letGo();
  }
}

/** The encoded Struct in `filter_metadata[key]` of a message's metadata. Throws MalformedMessageError. */
export function readFilterMetadata(
  message: Uint8Array,
  metadataField: FieldRef,
  key: string,
): Uint8Array | undefined {
  const metadata = readLastValue(new FieldReader(message), metadataField);
  return metadata && mapValue(metadata, fields.Metadata.filter_metadata, key)?.rest();
}

/** The encoded Value of a Struct's key. Throws MalformedMessageError. */
export function structValue(struct: Uint8Array, key: string): Uint8Array | undefined {
  return mapValue(new FieldReader(struct), fields.Struct.fields, key)?.rest();
}

// Every route of a fleet is asked for its object in each call: readers that are used again and again
// instead of views below.

/** One for each level of messages on the way to an object. */
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

function letGo(): void {
  for (const reader of all) reader.over(nothing, 0, 0);
  lastEntry.letGo();
}

function firstObject(metadata: FieldReader): FieldReader | undefined {
  const { Metadata, Struct, Value, ListValue } = fields;
  const struct = mapValue(metadata, Metadata.filter_metadata, metadataKey, readers.struct);
  const resources = struct && mapValue(struct, Struct.fields, 'resources', readers.value);
  const list = resources && lastOf(resources, Value.list_value, readers.list);
  if (list === undefined || !nextOccurrence(list, ListValue.values)) return undefined;
  const first = over(list, ListValue.values, readers.first);
  while (nextOccurrence(list, ListValue.values)); // malformed ones behind it count too
  return lastOf(first, Value.struct_value, readers.object);
}

const textKeys = ['kind', 'namespace', 'name', 'sectionName'] as const;

function readObject(struct: FieldReader): GatewayObject {
  const { message, start, limit } = struct;
  try {
    return readTexts(struct);
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
    return readTexts(new FieldReader(message.subarray(start, limit))); // which says where in it
  }
}

function readTexts(struct: FieldReader): GatewayObject {
  const text = { kind: '', namespace: '', name: '', sectionName: '' };
  forEachEntry(struct, fields.Struct.fields, (entry) => {
    const key = textKeys.find((one) => lastEntry.isKey(one));
    if (key === undefined) return;
    const value = lastEntry.value(entry, readers.value);
    const string = value && lastOf(value, fields.Value.string_value, readers.text);
    if (string !== undefined) text[key] = textOf(string);
  });
  return text;
}

/** Of nearly all routes; no string is made of it. */
const usualKind = 'HTTPRoute';

function textOf(string: FieldReader): string {
  return string.isText(usualKind) ? usualKind : decodeString(string.rest());
}

/** The value of a map's last entry with this key, which is the one that decoders keep. */
function mapValue(
  message: FieldReader,
  map: FieldRef,
  key: string,
  into: FieldReader = new FieldReader(),
): FieldReader | undefined {
  let found: FieldReader | undefined;
  forEachEntry(message, map, (entry) => {
    if (lastEntry.isKey(key)) found = lastEntry.value(entry, into);
  });
  return found;
}

/** Visits each entry of a map, as `lastEntry` and as the current field of `message`; errors below name it. */
function forEachEntry(
  message: FieldReader,
  map: FieldRef,
  visit: (entry: FieldReader) => void,
): void {
  for (let index = 0; nextOccurrence(message, map); index++) {
    try {
      lastEntry.read(message);
      visit(message);
    } catch (error) {
      throw seenFromOutside(error, `${map.name}[${index}]`, 0);
    }
  }
}

const { MapEntry } = fields;

/** The map entry that was read last: one walk for its key and its value. */
class EntryReader {
  readonly #entry = spareReader();
  readonly #key = spareReader();
  readonly #value = spareReader();
  #hasValue = false;
  #isValueOdd = false;

  letGo(): void {
    for (const reader of [this.#entry, this.#key, this.#value]) reader.over(nothing, 0, 0);
  }

  /** Reads the entry at which a reader stands. */
  read({ message, valueStart, end }: FieldReader): void {
    const entry = this.#entry.over(message, valueStart, end);
    this.#key.over(message, valueStart, valueStart);
    this.#hasValue = false;
    this.#isValueOdd = false;
    while (entry.next()) {
      if (entry.number === MapEntry.key.number) over(entry, MapEntry.key, this.#key);
      else if (entry.number === MapEntry.value.number) this.#readValue(entry);
    }
  }

  #readValue(entry: FieldReader): void {
    if (entry.wireType !== wireTypes.lengthDelimited) this.#isValueOdd = true;
    else over(entry, MapEntry.value, this.#value);
    this.#hasValue = true;
  }

  /** Whether it has this key, which is ASCII. */
  isKey(key: string): boolean {
    return this.#key.isText(key);
  }

  /** Its value; undefined when it has none. A value of another wire type matters to who asks for it only. */
  value(entry: FieldReader, into: FieldReader): FieldReader | undefined {
    if (this.#isValueOdd) return readLastValue(entry.inside(), MapEntry.value);
    if (!this.#hasValue) return undefined;
    return into.over(this.#value.message, this.#value.start, this.#value.limit);
  }
}

const lastEntry = new EntryReader();

/** The last occurrence of a length-delimited field, for a reader to walk. */
function lastOf(message: FieldReader, field: FieldRef, into: FieldReader): FieldReader | undefined {
  let found: FieldReader | undefined;
  while (nextOccurrence(message, field)) found = over(message, field, into);
  return found;
}
