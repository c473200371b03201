import { type FieldReader, spareReader } from './field-reader.ts';
import type { FieldRef } from './field-ref.ts';
import { fields } from './fields.ts';
import { hashName, hashObject } from './name-hash.ts';
import { ObjectPlaces, readUsualObject } from './usual-object.ts';
import { expectLengthDelimited, over } from './wire-type.ts';

const { Route, Metadata, MapEntry, Struct, Value, ListValue } = fields;

/**
 * Finds what `readGatewayObject` finds in metadata, by hashes and places only. Its readers, one for
 * each level of messages, are used again and again.
 */
export class ObjectScanner {
  /** `hashObject` of the last object that was found. */
  object = 0;
  /** `hashName` of its name alone. */
  name = 0;
  /** Whether the metadata that was scanned last is of the usual form: nothing else is in it. */
  isUsual = false;
  /** Where its names are in the message. */
  readonly places = new ObjectPlaces();

  readonly #entry = new MapEntryReader();
  readonly #metadata = spareReader();
  readonly #struct = spareReader();
  readonly #value = spareReader();
  readonly #list = spareReader();

  /**
   * Looks into the metadata at which a reader of a route, or another resource with metadata, stands; the
   * words are of the message that the reader walks. Answers whether an object is there.
   */
  scan(resource: FieldReader, words: DataView, field: FieldRef = Route.metadata): boolean {
    const metadata = over(resource, field, this.#metadata);
    this.isUsual = readUsualObject(words, metadata.end, metadata.limit, this.places);
    if (!this.isUsual && !this.#readAny(metadata)) return false;
    const { namespace, name } = this.places;
    this.name = hashName(metadata.message, name.from, name.to);
    this.object = hashObject(hashName(metadata.message, namespace.from, namespace.to), this.name);
    return true;
  }

  /** Reads metadata however it is encoded. */
  #readAny(metadata: FieldReader): boolean {
    const inMetadata = Metadata.filter_metadata;
    const struct = this.#valueOf(metadata, inMetadata, 'envoy-gateway', this.#struct);
    const resources = struct && this.#valueOf(struct, Struct.fields, 'resources', this.#value);
    const list = resources && lastOf(resources, Value.list_value, this.#list);
    const first = list && firstOf(list, ListValue.values, this.#value);
    const object = first && lastOf(first, Value.struct_value, this.#struct);
    if (object === undefined) return false;
    this.#readNames(object);
    return true;
  }

  #readNames(struct: FieldReader): void {
    this.places.clear();
    while (struct.next()) {
      if (struct.number !== Struct.fields.number) continue;
      const value = this.#entry.read(struct, Struct.fields);
      const text = value && lastOf(value, Value.string_value, this.#value);
      if (text === undefined) continue;
      if (this.#entry.isKey('namespace')) this.places.namespace.set(text.end, text.limit);
      else if (this.#entry.isKey('name')) this.places.name.set(text.end, text.limit);
    }
  }

  /** The value of a map's last entry with this key. */
  #valueOf(
    message: FieldReader,
    map: FieldRef,
    key: string,
    into: FieldReader,
  ): FieldReader | undefined {
    let found: FieldReader | undefined;
    while (message.next()) {
      if (message.number !== map.number) continue;
      const value = this.#entry.read(message, map);
      if (!this.#entry.isKey(key)) continue;
      found = value && into.over(value.message, value.end, value.limit);
    }
    return found;
  }
}

/** The entry of a map that was read last. */
class MapEntryReader {
  readonly #entry = spareReader();
  readonly #key = spareReader();
  readonly #value = spareReader();

  /** The value of the entry at which a reader stands; undefined when it has none. */
  read(outer: FieldReader, map: FieldRef): FieldReader | undefined {
    const entry = over(outer, map, this.#entry);
    let value: FieldReader | undefined;
    this.#key.over(entry.message, entry.start, entry.start);
    while (entry.next()) {
      if (entry.number === MapEntry.key.number) over(entry, MapEntry.key, this.#key);
      else if (entry.number === MapEntry.value.number) {
        value = over(entry, MapEntry.value, this.#value);
      }
    }
    return value;
  }

  isKey(key: string): boolean {
    return this.#key.isText(key);
  }
}

function firstOf(
  message: FieldReader,
  field: FieldRef,
  into: FieldReader,
): FieldReader | undefined {
  let found: FieldReader | undefined;
  while (message.next()) {
    if (message.number !== field.number) continue;
    expectLengthDelimited(message, field);
    found ??= into.over(message.message, message.valueStart, message.end);
  }
  return found;
}

function lastOf(message: FieldReader, field: FieldRef, into: FieldReader): FieldReader | undefined {
  let found: FieldReader | undefined;
  while (message.next()) {
    if (message.number === field.number) found = over(message, field, into);
  }
  return found;
}
