import { FieldReader } from './field-reader.ts';
import type { FieldRef } from './field-ref.ts';
import { fields } from './fields.ts';
import { findObject, firstObject, letGoOfObject, noteNames } from './gateway-object.ts';
import { lastEntry, mapValue } from './map-entry.ts';
import { textAt } from './span.ts';
import { decodeString } from './text.ts';
import { ObjectSpans } from './usual-object.ts';
import { lastValueOf, readLastValue } from './wire.ts';

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

/** Of the object that was read last. */
const spans = new ObjectSpans();

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
    return metadata && findObject(metadata, spans) ? objectAt(message) : undefined;
  } finally {
    letGoOfObject();
  }
}

/**
 * Its names alone, of metadata that a reader has still to walk. Whoever asks lets go of spare readers.
 */
export function readNamesIn(metadata: FieldReader): ObjectNames | undefined {
  return findObject(metadata, spans) ? namesAt(metadata.message, spans) : undefined;
}

function objectAt(message: Uint8Array): GatewayObject {
  const { kind, namespace, name } = namesAt(message, spans);
  return { kind, namespace, name, sectionName: textAt(message, spans.sectionName) };
}

/** The names of an object that lies in a message. */
export function namesAt(message: Uint8Array, { kind, namespace, name }: ObjectSpans): ObjectNames {
  const isUsual = new FieldReader(message, kind.from, kind.to).isText(usualKind);
  return {
    kind: isUsual ? usualKind : textAt(message, kind),
    namespace: textAt(message, namespace),
    name: textAt(message, name),
  };
}

/** Of nearly all routes; no string is made of it. */
const usualKind = 'HTTPRoute';

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
  try {
    noteNames(new FieldReader(object), spans);
  } finally {
    letGoOfObject();
  }
  return { ...objectAt(object), annotation: text && decodeString(text) };
}

function firstObjectOf(message: Uint8Array, metadataField: FieldRef): Uint8Array | undefined {
  const metadata = readLastValue(new FieldReader(message), metadataField);
  try {
    return metadata && firstObject(metadata)?.rest();
  } finally {
    letGoOfObject();
  }
}

/** The encoded Struct in `filter_metadata[key]` of a message's metadata. Throws MalformedMessageError. */
export function readFilterMetadata(
  message: Uint8Array,
  metadataField: FieldRef,
  key: string,
): Uint8Array | undefined {
  const metadata = readLastValue(new FieldReader(message), metadataField);
  return metadata && encodedValue(metadata, fields.Metadata.filter_metadata, key);
}

/** The encoded Value of a Struct's key. Throws MalformedMessageError. */
export function structValue(struct: Uint8Array, key: string): Uint8Array | undefined {
  return encodedValue(new FieldReader(struct), fields.Struct.fields, key);
}

function encodedValue(message: FieldReader, map: FieldRef, key: string): Uint8Array | undefined {
  try {
    return mapValue(message, map, key)?.rest();
  } finally {
    lastEntry.letGo();
  }
}
