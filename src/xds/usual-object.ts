import { encodeString } from './encoding.ts';
import { nowhere } from './words.ts';

// Tags of the length-delimited fields that such metadata is made of; a `Struct` is a map.
const filterMetadata = 0x0a;
const mapKey = 0x0a;
const mapValue = 0x12;
const structEntry = 0x0a;
const listItem = 0x0a;
const stringValue = 0x1a;
const structValue = 0x2a;
const listValue = 0x32;

const metadataKey = encodeString('envoy-gateway');
const resourcesKey = encodeString('resources');
const namespaceKey = encodeString('namespace');
const nameKey = encodeString('name');
const kindKey = encodeString('kind');
const sectionNameKey = encodeString('sectionName');

/** A part of a message. */
export class Place {
  from = 0;
  to = 0;

  set(from: number, to: number): void {
    this.from = from;
    this.to = to;
  }
}

/**
 * Finds the names of the object in metadata that is encoded as Envoy Gateway encodes it:
 * `filter_metadata["envoy-gateway"].resources`, a list of one object, and nothing else. Every route and
 * virtual host of a fleet has such metadata, so its bytes are read without a reader: each message of it
 * has one field, or a key and a value, and ends where all of it ends.
 */
export class UsualObject {
  readonly #namespaceAt: Place;
  readonly #nameAt: Place;
  readonly #kindAt: Place | undefined;
  readonly #sectionNameAt: Place | undefined;
  #at = 0;

  /** Notes the names of what it reads in these places; an object without them has empty ones. */
  constructor(namespaceAt: Place, nameAt: Place, kindAt?: Place, sectionNameAt?: Place) {
    this.#namespaceAt = namespaceAt;
    this.#nameAt = nameAt;
    this.#kindAt = kindAt;
    this.#sectionNameAt = sectionNameAt;
  }

  /**
   * Reads metadata that lies in a message `from` one offset `to` another. False says that it is encoded
   * in another way, malformed perhaps, and nothing else about it.
   */
  read(message: Uint8Array, from: number, to: number): boolean {
    this.#at = from;
    this.#namespaceAt.set(0, 0);
    this.#nameAt.set(0, 0);
    this.#kindAt?.set(0, 0);
    this.#sectionNameAt?.set(0, 0);
    return (
      this.#enter(message, filterMetadata) === to &&
      this.#passKey(message, metadataKey) &&
      this.#enter(message, mapValue) === to &&
      this.#enter(message, structEntry) === to &&
      this.#passKey(message, resourcesKey) &&
      this.#enter(message, mapValue) === to &&
      this.#enter(message, listValue) === to &&
      this.#enter(message, listItem) === to &&
      this.#enter(message, structValue) === to &&
      this.#readEntries(message, to)
    );
  }

  #readEntries(message: Uint8Array, to: number): boolean {
    while (this.#at < to) {
      const end = this.#enter(message, structEntry);
      if (end > to || !this.#readEntry(message, end)) return false;
    }
    return true;
  }

  /** Reads an entry that has a key, and then text or a Struct as its value. */
  #readEntry(message: Uint8Array, to: number): boolean {
    const keyTo = this.#enter(message, mapKey);
    const keyFrom = this.#at;
    this.#at = keyTo;
    if (keyTo > to || this.#enter(message, mapValue) !== to) return false;
    const isText = message[this.#at] === stringValue;
    if (this.#enter(message, isText ? stringValue : structValue) !== to) return false;
    if (isText) this.#note(message, keyFrom, keyTo, to);
    this.#at = to;
    return true;
  }

  #note(message: Uint8Array, keyFrom: number, keyTo: number, to: number): void {
    if (isAt(message, keyFrom, keyTo, nameKey)) this.#nameAt.set(this.#at, to);
    else if (isAt(message, keyFrom, keyTo, namespaceKey)) this.#namespaceAt.set(this.#at, to);
    else if (this.#kindAt === undefined) return;
    else if (isAt(message, keyFrom, keyTo, kindKey)) this.#kindAt.set(this.#at, to);
    else if (isAt(message, keyFrom, keyTo, sectionNameKey)) this.#sectionNameAt?.set(this.#at, to);
  }

  /** Moves behind a map entry's key; false when it is another one. */
  #passKey(message: Uint8Array, key: Uint8Array): boolean {
    const to = this.#enter(message, mapKey);
    const from = this.#at;
    this.#at = to;
    return isAt(message, from, to, key);
  }

  /**
   * Moves to the value of a field with this tag, and answers where that ends: `nowhere` when another
   * field is here, or its length has more than two bytes.
   */
  #enter(message: Uint8Array, tag: number): number {
    const at = this.#at;
    const low = message[at + 1] ?? 0;
    if (message[at] !== tag) return nowhere;
    this.#at = at + 2;
    if (low < 0x80) return at + 2 + low;
    const high = message[at + 2] ?? 0x80;
    this.#at = at + 3;
    return high < 0x80 ? at + 3 + (low & 0x7f) + high * 0x80 : nowhere;
  }
}

function isAt(message: Uint8Array, from: number, to: number, text: Uint8Array): boolean {
  if (to - from !== text.length) return false;
  for (let at = 0; at < text.length; at++) if (message[from + at] !== text[at]) return false;
  return true;
}
