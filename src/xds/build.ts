import protobuf from 'protobufjs/light.js';
import descriptor from './generated/envoy-messages.json' with { type: 'json' };

/**
 * Encodes a message of Envoy's from a plain object, field names as in the `.proto`.
 * The definitions are the official ones, cut down to the fields Offramp writes. Throws on a field
 * that is not among them: a typing error must not become an empty message.
 */
export function encodeMessage(type: string, value: Readonly<Record<string, unknown>>): Uint8Array {
  const definition = definitionOf(type);
  refuseUnknownFields(definition, value);
  const problem = definition.verify(value);
  if (problem !== null) throw new TypeError(`${type}: ${problem}`);
  return definition.encode(definition.fromObject(value)).finish();
}

const rootOf = lazily(() => protobuf.Root.fromJSON(descriptor));
const definitions = new Map<string, protobuf.Type>();

function definitionOf(type: string): protobuf.Type {
  const known = definitions.get(type);
  if (known !== undefined) return known;
  const found = rootOf().lookupType(type);
  definitions.set(type, found);
  return found;
}

/** How many results are remembered; what they are made for is a handful of names. */
const maxRemembered = 64;

/** The same function, which makes each of a few messages only once. */
export function madeOnce(make: (text: string) => Uint8Array): (text: string) => Uint8Array {
  const made = new Map<string, Uint8Array>();
  return (text) => {
    const known = made.get(text);
    if (known !== undefined) return known;
    const message = make(text);
    if (made.size < maxRemembered) made.set(text, message);
    return message;
  };
}

/** Messages that are always the same: made when they are first needed, so that no start waits for it. */
export function lazily<Made extends object>(make: () => Made): () => Made {
  let made: Made | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** A google.protobuf.Any that holds the encoded message, as a plain object for `encodeMessage`. */
export function anyOf(type: string, value: Readonly<Record<string, unknown>>) {
  return { type_url: `type.googleapis.com/${type}`, value: encodeMessage(type, value) };
}

function refuseUnknownFields(type: protobuf.Type, value: object): void {
  for (const [name, inner] of Object.entries(value)) {
    const field = type.fields[name]?.resolve();
    if (field === undefined) throw new TypeError(`${type.fullName} has no field ${name} here`);
    if (!(field.resolvedType instanceof protobuf.Type)) continue;
    const children = field.map ? Object.values(inner) : field.repeated ? inner : [inner];
    for (const child of children) refuseUnknownFields(field.resolvedType, child);
  }
}
