import { concatenate, encodeField, encodeString, tagOf } from './encoding.ts';
import { fields } from './fields.ts';
import { Span } from './span.ts';
import {
  bytesBehind,
  KnownBytes,
  nowhere,
  valueEndOf,
  valueStartOf,
  wordAt,
  wordOf,
} from './words.ts';

const { Metadata, MapEntry, Struct, Value, ListValue } = fields;

const entryTag = tagOf(Struct.fields);
const keyTag = tagOf(MapEntry.key);
const valueTag = tagOf(MapEntry.value);
const stringTag = tagOf(Value.string_value);
const structTag = tagOf(Value.struct_value);

/** Longer metadata, which has a length of three bytes, is read elsewhere. */
const longest = 2 ** 14 - 1;

// An entry of the object's Struct, with a text as its value, has tag, length, tag and length in front of its
// key, and the same once more behind it. A word each, if all of these lengths have one byte.
const beforeKey = { tags: 0x000a_000a, mask: 0x80ff_80ff | 0 } as const;
const beforeText = 0x001a_0012;
const beforeStruct = 0x002a_0012;

// Keys, or four characters of one.
const name = wordOf('name');
const kind = wordOf('kind');
const spac = wordOf('spac');
const pace = wordOf('pace');
const sect = wordOf('sect');
const ionN = wordOf('ionN');
const endOfSectionName = wordOf('Name');

/**
 * What stands in front of the object's entries: tags, keys and lengths, so it is the same in all metadata of
 * one length. By that length, as far as it was asked for; null for one that no such metadata has.
 */
const beforeEntries = new Array<KnownBytes | null | undefined>(longest + 1);

/** Where in a message the names of an object are; empty where it has none. */
export class ObjectSpans {
  readonly kind = new Span();
  readonly namespace = new Span();
  readonly name = new Span();
  readonly sectionName = new Span();

  clear(): void {
    this.kind.set(0, 0);
    this.namespace.set(0, 0);
    this.name.set(0, 0);
    this.sectionName.set(0, 0);
  }
}

/**
 * Finds the names of the object in metadata that lies `from` one offset `to` another, and is encoded as Envoy
 * Gateway encodes it: `filter_metadata["envoy-gateway"].resources`, a list of one object, and nothing else.
 * Every route and virtual host of a fleet has such metadata, so it is read by words. False says that it is
 * encoded in another way, malformed perhaps, and nothing else about it.
 */
export function readUsualObject(
  words: DataView,
  from: number,
  to: number,
  spans: ObjectSpans,
): boolean {
  const length = to - from;
  if (length > longest || to + bytesBehind > words.byteLength) return false;
  let before = beforeEntries[length];
  if (before === undefined) before = noteBeforeEntries(length);
  if (before === null || !before.isAt(words, from)) return false;
  spans.clear();
  let at = from + before.length;
  while (at < to) at = passEntry(words, at, to, spans);
  return at === to;
}

/** Moves behind an entry that has a key, and then text or a Struct as its value. */
function passEntry(words: DataView, at: number, limit: number, spans: ObjectSpans): number {
  const head = wordAt(words, at);
  if ((head & beforeKey.mask) !== beforeKey.tags) return passLongEntry(words, at, limit, spans);
  const to = at + 2 + ((head >>> 8) & 0x7f);
  const valueAt = at + 4 + (head >>> 24);
  const left = to - valueAt;
  if (left < 4 || to > limit) return nowhere;
  const lengths = ((left - 2) << 8) | ((left - 4) << 24);
  const value = wordAt(words, valueAt);
  if (value !== (beforeText | lengths)) return value === (beforeStruct | lengths) ? to : nowhere;
  spanOf(words, at + 4, valueAt - at - 4, spans)?.set(valueAt + 4, to);
  return to;
}

/** The same where a length has more than one byte. */
function passLongEntry(words: DataView, at: number, limit: number, spans: ObjectSpans): number {
  const entry = wordAt(words, at);
  const to = valueEndOf(entry, at);
  if ((entry & 0xff) !== entryTag || to > limit) return nowhere;
  const keyAt = valueStartOf(entry, at);
  const key = wordAt(words, keyAt);
  const valueAt = valueEndOf(key, keyAt);
  if ((key & 0xff) !== keyTag || valueAt > to) return nowhere;
  const value = wordAt(words, valueAt);
  if ((value & 0xff) !== valueTag || valueEndOf(value, valueAt) !== to) return nowhere;
  const textAt = valueStartOf(value, valueAt);
  const text = wordAt(words, textAt);
  if (valueEndOf(text, textAt) !== to) return nowhere;
  if ((text & 0xff) !== stringTag) return (text & 0xff) === structTag ? to : nowhere;
  const from = valueStartOf(key, keyAt);
  spanOf(words, from, valueAt - from, spans)?.set(valueStartOf(text, textAt), to);
  return to;
}

/** Where it is noted what an entry says whose key lies there. */
function spanOf(
  words: DataView,
  from: number,
  length: number,
  spans: ObjectSpans,
): Span | undefined {
  const begin = wordAt(words, from);
  switch (length) {
    case 4:
      if (begin === name) return spans.name;
      return begin === kind ? spans.kind : undefined;
    case 9:
      return begin === name && wordAt(words, from + 4) === spac && wordAt(words, from + 5) === pace
        ? spans.namespace
        : undefined;
    case 11:
      return begin === sect &&
        wordAt(words, from + 4) === ionN &&
        wordAt(words, from + 7) === endOfSectionName
        ? spans.sectionName
        : undefined;
    default:
      return undefined;
  }
}

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
