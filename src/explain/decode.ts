import protobuf from 'protobufjs';

/**
 * A message as a plain object in the form of its JSON, field names as in the `.proto`.
 * An Any of a known type is opened, its type under `@type`; another stays encoded, in base64.
 */
export function decodeMessage(
  root: protobuf.Root,
  type: string,
  bytes: Uint8Array,
): Readonly<Record<string, unknown>> {
  const definition = root.lookupType(type);
  const plain = definition.toObject(definition.decode(bytes), {
    longs: String,
    enums: String,
    bytes: String,
  });
  const opened = open(root, plain);
  return isObject(opened) ? opened : {};
}

function open(root: protobuf.Root, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => open(root, item));
  if (!isObject(value)) return value;
  const struct = openStruct(value);
  if (struct !== undefined) return struct.plain;
  const { type_url: url, value: encoded } = value;
  const name = typeof url === 'string' ? url.slice(url.lastIndexOf('/') + 1) : '';
  if (name !== '' && root.lookup(name) instanceof protobuf.Type) {
    const bytes = Buffer.from(typeof encoded === 'string' ? encoded : '', 'base64');
    return { '@type': name, ...decodeMessage(root, name, bytes) };
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, open(root, item)]));
}

/** google.protobuf.Struct and Value in the shape of the JSON they stand for. */
function openStruct(value: Readonly<Record<string, unknown>>): { plain: unknown } | undefined {
  const [[key, inner] = [], ...others] = Object.entries(value);
  if (others.length > 0) return undefined;
  if (key === 'stringValue' || key === 'numberValue' || key === 'boolValue')
    return { plain: inner };
  if (key === 'nullValue') return { plain: null };
  if (key === 'structValue') return { plain: structOf(inner) };
  if (key === 'listValue') return { plain: listOf(inner) };
  return key === 'fields' && isObject(inner) ? { plain: structOf(value) } : undefined;
}

function structOf(struct: unknown): unknown {
  const inner = isObject(struct) && isObject(struct.fields) ? struct.fields : {};
  return Object.fromEntries(Object.entries(inner).map(([key, item]) => [key, plainOf(item)]));
}

function listOf(list: unknown): unknown {
  return isObject(list) && Array.isArray(list.values) ? list.values.map(plainOf) : [];
}

function plainOf(value: unknown): unknown {
  return isObject(value) ? openStruct(value)?.plain : value;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
