import { concatenate, encodeField, encodeString } from './encoding.ts';
import { fields } from './fields.ts';
import { hashObject, hashWords } from './name-hash.ts';
import { KnownBytes, nowhere, wordAt, wordOf } from './words.ts';

// An entry of the object's Struct, with a text as its value, has tag, length, tag and length in front of its
// key, and the same once more behind it. A word each, if all of these lengths have one byte.
const beforeKey = { tags: 0x000a_000a, mask: 0x80ff_80ff | 0 } as const;
const beforeText = 0x001a_0012;
const beforeStruct = 0x002a_0012;

const name = wordOf('name');
const spac = wordOf('spac');
const pace = wordOf('pace');

/** Longer metadata is read elsewhere. */
const longest = 512;

/**
 * What stands in front of the object's entries: tags, keys and lengths, so it is the same in all metadata of
 * one length. By that length, as far as it was asked for; null for one that no such metadata has.
 */
const beforeEntries: (KnownBytes | null | undefined)[] = [];

/**
 * Finds by words what `ObjectScanner` finds in metadata that is encoded as Envoy Gateway encodes it, and has
 * no long texts: `filter_metadata["envoy-gateway"].resources`, a list of one object, and nothing else.
 */
export class UsualObjectScan {
  /** `hashObject` of the last object that was found. */
  object = 0;
  /** `hashName` of its name alone. */
  name = 0;
  #namespaceFrom = 0;
  #namespaceTo = 0;
  #nameFrom = 0;
  #nameTo = 0;

  /**
   * Reads metadata that lies `from` one offset `to` another. False says that it looks otherwise, malformed
   * perhaps, and nothing else about it.
   */
  read(words: DataView, from: number, to: number): boolean {
    const length = to - from;
    if (length > longest) return false;
    let before = beforeEntries[length];
    if (before === undefined) before = noteBeforeEntries(length);
    if (before === null || !before.isAt(words, from)) return false;
    this.#namespaceFrom = 0;
    this.#namespaceTo = 0;
    this.#nameFrom = 0;
    this.#nameTo = 0;
    let at = from + before.length;
    while (at < to) at = this.#passEntry(words, at, to);
    if (at !== to) return false;
    this.name = hashWords(words, this.#nameFrom, this.#nameTo);
    const namespace = hashWords(words, this.#namespaceFrom, this.#namespaceTo);
    this.object = hashObject(namespace, this.name);
    return true;
  }

  /** Moves behind an entry that has a key, and then text or a Struct as its value. */
  #passEntry(words: DataView, at: number, limit: number): number {
    const head = wordAt(words, at);
    if ((head & beforeKey.mask) !== beforeKey.tags) return nowhere;
    const to = at + 2 + ((head >>> 8) & 0x7f);
    const keyLength = head >>> 24;
    const valueAt = at + 4 + keyLength;
    const left = to - valueAt;
    if (left < 4 || to > limit) return nowhere;
    const lengths = ((left - 2) << 8) | ((left - 4) << 24);
    const value = wordAt(words, valueAt);
    if (value !== (beforeText | lengths)) return value === (beforeStruct | lengths) ? to : nowhere;
    if (wordAt(words, at + 4) !== name) return to;
    if (keyLength === 4) {
      this.#nameFrom = valueAt + 4;
      this.#nameTo = to;
    } else if (keyLength === 9 && isSpace(words, at + 8)) {
      this.#namespaceFrom = valueAt + 4;
      this.#namespaceTo = to;
    }
    return to;
  }
}

/** Of `namespace` what is behind `name`. */
function isSpace(words: DataView, at: number): boolean {
  return wordAt(words, at) === spac && wordAt(words, at + 1) === pace;
}

const { Metadata, MapEntry, Struct, Value, ListValue } = fields;

/** So many fields lie around the entries, each with a tag and a length of one byte or two. */
const fieldsAround = 7;

function noteBeforeEntries(length: number): KnownBytes | null {
  const before = encodeBeforeEntries(length);
  beforeEntries[length] = before;
  return before;
}

function encodeBeforeEntries(length: number): KnownBytes | null {
  const shortest = encodeMetadata(new Uint8Array()).length;
  for (let most = length - shortest; most >= length - shortest - fieldsAround; most--) {
    const metadata = encodeMetadata(new Uint8Array(Math.max(most, 0)));
    if (metadata.length === length) return new KnownBytes(metadata.subarray(0, length - most));
  }
  return null;
}

/** Metadata of an object with these entries. */
function encodeMetadata(entries: Uint8Array): Uint8Array {
  const object = encodeField(Value.struct_value, entries);
  const list = encodeField(Value.list_value, encodeField(ListValue.values, object));
  const struct = encodeField(Struct.fields, entryOf('resources', list));
  return encodeField(Metadata.filter_metadata, entryOf('envoy-gateway', struct));
}

function entryOf(key: string, value: Uint8Array): Uint8Array {
  return concatenate([
    encodeField(MapEntry.key, encodeString(key)),
    encodeField(MapEntry.value, value),
  ]);
}
