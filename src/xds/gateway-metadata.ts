import { type FieldRef, fields } from './fields.ts';
import { decodeString, forEachField, lastValueOf, stringOf, valuesOf } from './wire.ts';

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
  const annotations = mapValue(object, fields.Struct.fields, 'annotations');
  const struct = annotations && lastValueOf(annotations, fields.Value.struct_value);
  const value = struct && mapValue(struct, fields.Struct.fields, annotation);
  const text = value && lastValueOf(value, fields.Value.string_value);
  return { ...readObject(object), annotation: text && decodeString(text) };
}

/** The encoded Struct in `filter_metadata[key]` of a message's metadata. Throws MalformedMessageError. */
export function readFilterMetadata(
  message: Uint8Array,
  metadataField: FieldRef,
  key: string,
): Uint8Array | undefined {
  const metadata = lastValueOf(message, metadataField);
  return metadata && mapValue(metadata, fields.Metadata.filter_metadata, key);
}

/** The encoded Value of a Struct's key. Throws MalformedMessageError. */
export function structValue(struct: Uint8Array, key: string): Uint8Array | undefined {
  return mapValue(struct, fields.Struct.fields, key);
}

function firstObject(message: Uint8Array, metadataField: FieldRef): Uint8Array | undefined {
  const struct = readFilterMetadata(message, metadataField, metadataKey);
  const resources = struct && structValue(struct, 'resources');
  const list = resources && lastValueOf(resources, fields.Value.list_value);
  const first = list && valuesOf(list, fields.ListValue.values)[0];
  return first && lastValueOf(first, fields.Value.struct_value);
}

function readObject(struct: Uint8Array): GatewayObject {
  const text = { kind: '', namespace: '', name: '', sectionName: '' };
  forEachField(struct, fields.Struct.fields, (entry) => {
    const key = stringOf(entry, fields.MapEntry.key);
    const value = lastValueOf(entry, fields.MapEntry.value);
    if (value === undefined || !isTextKey(key)) return;
    const string = lastValueOf(value, fields.Value.string_value);
    if (string !== undefined) text[key] = decodeString(string);
  });
  return text;

  function isTextKey(key: string): key is keyof typeof text {
    return Object.hasOwn(text, key);
  }
}

/** The value of a map's last entry with this key, which is the one that decoders keep. */
function mapValue(message: Uint8Array, map: FieldRef, key: string): Uint8Array | undefined {
  let found: Uint8Array | undefined;
  forEachField(message, map, (entry) => {
    if (stringOf(entry, fields.MapEntry.key) === key)
      found = lastValueOf(entry, fields.MapEntry.value);
  });
  return found;
}
