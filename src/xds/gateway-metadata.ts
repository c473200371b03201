import { FieldReader } from './field-reader.ts';
import type { FieldRef } from './field-ref.ts';
import { fields } from './fields.ts';
import { seenFromOutside } from './malformed.ts';
import { decodeString, lastValueOf, nextOccurrence, readLastValue } from './wire.ts';

/** The Kubernetes object that Envoy Gateway names in a resource's metadata. */
export interface GatewayObject {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
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
  const object = firstObject(message, metadataField);
  return object && readObject(object);
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
  const object = firstObject(message, metadataField);
  if (object === undefined) return undefined;
  const annotations = structValue(object, 'annotations');
  const struct = annotations && lastValueOf(annotations, fields.Value.struct_value);
  const value = struct && structValue(struct, annotation);
  const text = value && lastValueOf(value, fields.Value.string_value);
  return { ...readObject(object), annotation: text && decodeString(text) };
}

/** The encoded Struct in `filter_metadata[key]` of a message's metadata. Throws MalformedMessageError. */
export function readFilterMetadata(
  message: Uint8Array,
  metadataField: FieldRef,
  key: string,
): Uint8Array | undefined {
  return filterMetadata(message, metadataField, key)?.rest();
}

/** The encoded Value of a Struct's key. Throws MalformedMessageError. */
export function structValue(struct: Uint8Array, key: string): Uint8Array | undefined {
  return mapValue(new FieldReader(struct), fields.Struct.fields, key)?.rest();
}

// Every route of a fleet is asked for its object in each call: readers instead of views below.

function filterMetadata(
  message: Uint8Array,
  metadataField: FieldRef,
  key: string,
): FieldReader | undefined {
  const metadata = readLastValue(new FieldReader(message), metadataField);
  return metadata && mapValue(metadata, fields.Metadata.filter_metadata, key);
}

function firstObject(message: Uint8Array, metadataField: FieldRef): Uint8Array | undefined {
  const struct = filterMetadata(message, metadataField, metadataKey);
  const resources = struct && mapValue(struct, fields.Struct.fields, 'resources');
  const list = resources && readLastValue(resources, fields.Value.list_value);
  if (list === undefined || !nextOccurrence(list, fields.ListValue.values)) return undefined;
  const first = list.inside();
  while (nextOccurrence(list, fields.ListValue.values)); // malformed ones behind it count too
  return readLastValue(first, fields.Value.struct_value)?.rest();
}

const textKeys = ['kind', 'namespace', 'name', 'sectionName'] as const;

function readObject(struct: Uint8Array): GatewayObject {
  const text = { kind: '', namespace: '', name: '', sectionName: '' };
  forEachEntry(new FieldReader(struct), fields.Struct.fields, (entry) => {
    const key = textKeys.find((one) => hasKey(entry, one));
    if (key === undefined) return;
    const value = readLastValue(entry.inside(), fields.MapEntry.value);
    const string = value && readLastValue(value, fields.Value.string_value);
    if (string !== undefined) text[key] = decodeString(string.rest());
  });
  return text;
}

/** The value of a map's last entry with this key, which is the one that decoders keep. */
function mapValue(message: FieldReader, map: FieldRef, key: string): FieldReader | undefined {
  let found: FieldReader | undefined;
  forEachEntry(message, map, (entry) => {
    if (hasKey(entry, key)) found = readLastValue(entry.inside(), fields.MapEntry.value);
  });
  return found;
}

/** Visits each entry of a map, as the current field of `message`; errors below name it. */
function forEachEntry(
  message: FieldReader,
  map: FieldRef,
  visit: (entry: FieldReader) => void,
): void {
  for (let index = 0; nextOccurrence(message, map); index++) {
    try {
      visit(message);
    } catch (error) {
      throw seenFromOutside(error, `${map.name}[${index}]`, 0);
    }
  }
}

/** Whether the map entry at which the reader stands has this key. `key` is ASCII. */
function hasKey(entry: FieldReader, key: string): boolean {
  const found = readLastValue(entry.inside(), fields.MapEntry.key);
  return found === undefined ? key === '' : found.isText(key);
}
