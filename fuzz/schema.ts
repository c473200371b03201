import protobuf from 'protobufjs';
import { resourceTypes } from '../src/xds/resource-types.ts';
import type { WireField } from './message-fields.ts';

/** What a length-delimited field holds, by the official protos. */
export type Content =
  | { readonly kind: 'message'; readonly type: protobuf.Type }
  | { readonly kind: 'map-entry'; readonly value: Content }
  | { readonly kind: 'text' }
  | { readonly kind: 'unknown' };

/** A message by its type, or an entry of a map. */
export type MessageContent = Extract<Content, { kind: 'message' | 'map-entry' }>;

const unknown: Content = { kind: 'unknown' };

/** Tells what is in which field, from the envelope of a snapshot down. */
export class Schema {
  readonly root: protobuf.Root;
  readonly #byName = new Map<string, Content>();

  constructor(root: protobuf.Root) {
    this.root = root;
  }

  /** The resources of a PostTranslateModifyRequest, by the numbers of their lists. */
  resource(number: number): Content {
    const [kind] = (['clusters', 'secrets', 'listeners', 'routes'] as const).slice(number - 2);
    if (number < 2 || kind === undefined) return unknown;
    return { kind: 'message', type: this.root.lookupType(resourceTypes[kind]) };
  }

  /** What a field of a message holds; of an Any what its type says. */
  content(of: MessageContent, field: WireField, siblings: readonly WireField[]): Content {
    if (of.kind === 'map-entry') return field.number === 2 ? of.value : { kind: 'text' };
    if (of.type.fullName === '.google.protobuf.Any' && field.number === 2) {
      return this.#contentOfAny(siblings);
    }
    const known = of.type.fieldsById[field.number]?.resolve();
    return known === undefined ? unknown : contentOf(known);
  }

  #contentOfAny(siblings: readonly WireField[]): Content {
    const url = siblings.findLast(({ number }) => number === 1)?.value ?? new Uint8Array();
    const name = Buffer.from(url).toString('utf8').split('/').at(-1) ?? '';
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    const type = name === '' ? null : this.root.lookup(name, protobuf.Type);
    const content: Content = type instanceof protobuf.Type ? { kind: 'message', type } : unknown;
    this.#byName.set(name, content);
    return content;
  }
}

function contentOf(field: protobuf.Field): Content {
  const { resolvedType } = field;
  const own: Content =
    resolvedType instanceof protobuf.Type
      ? { kind: 'message', type: resolvedType }
      : { kind: field.type === 'string' || field.type === 'bytes' ? 'text' : 'unknown' };
  return field.map ? { kind: 'map-entry', value: own } : own;
}
