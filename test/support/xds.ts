import protobuf from 'protobufjs';
import { decodeMessage } from '../../src/explain/decode.ts';
import { loadEnvoyProtos } from '../../src/protos/envoy-protos.ts';
import { encodeField } from '../../src/xds/encoding.ts';
import { resourceTypes } from '../../src/xds/resource-types.ts';
import type { Resource, Resources } from '../../src/xds/resources.ts';
import { type ResourceKind, readSnapshot, type Snapshot } from '../../src/xds/snapshot.ts';

const root = loadEnvoyProtos();

const requestNumbers = { clusters: 2, secrets: 3, listeners: 4, routes: 5 } as const;

/** A snapshot in the YAML of golden files: each list as Envoy's JSON, field names as in the protos. */
export type PlainSnapshot = { readonly [Kind in ResourceKind]?: readonly object[] };

/** Encodes a message from its JSON form by the official protos; `@type` makes an Any. */
export function encodeXds(type: string, value: object): Uint8Array {
  const definition = root.lookupType(type);
  return definition.encode(definition.fromObject(toFields(definition, value))).finish();
}

/** Decodes a message into its JSON form by the official protos. */
export function decodeXds(type: string, bytes: Uint8Array): Readonly<Record<string, unknown>> {
  return decodeMessage(root, type, bytes);
}

/** A PostTranslateModifyRequest out of plain lists. */
export function encodeRequest(plain: PlainSnapshot): Uint8Array {
  const parts = kinds.flatMap((kind) =>
    (plain[kind] ?? []).map((resource) => {
      const field = { message: '', name: kind, number: requestNumbers[kind] };
      return encodeField(field, encodeXds(resourceTypes[kind], resource));
    }),
  );
  return Buffer.concat(parts);
}

/** Resources that were all made, none of which came in a request. */
export function resourcesOf(all: Iterable<Omit<Resource, 'index'>>): Resources {
  let { resources } = readSnapshot(new Uint8Array());
  for (const { kind, value } of all) resources = resources.plus(kind, [value]);
  return resources;
}

/** The lists of a snapshot, decoded. */
export function decodeSnapshot(snapshot: Snapshot): Record<string, object[]> {
  const lists = kinds.map((kind) => {
    const resources = [...snapshot.resources.lists[kind]];
    return [kind, resources.map((one) => decodeXds(resourceTypes[kind], one))] as const;
  });
  return Object.fromEntries(lists.filter(([, resources]) => resources.length > 0));
}

/** The snapshot that Envoy Gateway would send next if it had published this response. */
export function requestFromResponse(response: Uint8Array): Snapshot {
  const request = Buffer.from(response);
  const reader = protobuf.Reader.create(request);
  while (reader.pos < reader.len) {
    request[reader.pos] = (request[reader.pos] ?? 0) + 8;
    reader.skipType(reader.uint32() & 7);
  }
  return readSnapshot(request);
}

const kinds: readonly ResourceKind[] = ['clusters', 'secrets', 'listeners', 'routes'];

function toFields(type: protobuf.Type, value: unknown): Record<string, unknown> {
  if (!isObject(value)) throw new TypeError(`${type.fullName} needs an object`);
  if (type.fullName === '.google.protobuf.Any') return toAny(value);
  if (type.fullName === '.google.protobuf.Struct') return toStruct(value);
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      const field = type.fields[name]?.resolve();
      if (field === undefined) throw new TypeError(`${type.fullName} has no field ${name}`);
      return [name, toField(field, inner)];
    }),
  );
}

function toField(field: protobuf.Field, value: unknown): unknown {
  const { resolvedType } = field;
  if (!(resolvedType instanceof protobuf.Type)) return value;
  if (field.map && isObject(value)) {
    const entries = Object.entries(value);
    return Object.fromEntries(entries.map(([key, item]) => [key, toFields(resolvedType, item)]));
  }
  return Array.isArray(value)
    ? value.map((item) => toFields(resolvedType, item))
    : toFields(resolvedType, value);
}

function toAny(value: Record<string, unknown>): Record<string, unknown> {
  const { '@type': type, ...message } = value;
  if (typeof type !== 'string') throw new TypeError('an Any needs its @type');
  return { type_url: `type.googleapis.com/${type}`, value: encodeXds(type, message) };
}

function toStruct(value: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(value).map(([key, item]) => [key, toValue(item)]);
  return { fields: Object.fromEntries(entries) };
}

function toValue(value: unknown): Record<string, unknown> {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'number') return { numberValue: value };
  if (Array.isArray(value)) return { listValue: { values: value.map(toValue) } };
  if (isObject(value)) return { structValue: toStruct(value) };
  throw new TypeError(`no Struct value: ${String(value)}`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
