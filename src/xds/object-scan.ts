import { type FieldReader, spareReader } from './field-reader.ts';
import type { FieldRef } from './field-ref.ts';
import { findUnusualObject } from './gateway-object.ts';
import { hashName, hashObject } from './name-hash.ts';
import { ObjectSpans, readUsualObject } from './usual-object.ts';
import { over } from './wire-type.ts';

/** Finds the object that `readGatewayObject` finds in metadata, by hashes and places only. */
export class ObjectScanner {
  /** `hashObject` of the last object that was found. */
  object = 0;
  /** `hashName` of its name alone. */
  name = 0;
  /** Whether the metadata that was scanned last is of the usual form: nothing else is in it. */
  isUsual = false;
  /** Where its names are in the message. */
  readonly spans = new ObjectSpans();
  readonly #metadata = spareReader();

  /**
   * Looks into the metadata at which a reader of a route, or another resource with metadata, stands; the
   * words are of the message that the reader walks. Answers whether an object is there. Throws
   * MalformedMessageError. Whoever asks lets go of spare readers.
   */
  scan(resource: FieldReader, field: FieldRef, words: DataView): boolean {
    const metadata = over(resource, field, this.#metadata);
    const { message, end, limit } = metadata;
    this.isUsual = readUsualObject(words, end, limit, this.spans);
    if (!this.isUsual && !findUnusualObject(metadata, this.spans)) return false;
    const { namespace, name } = this.spans;
    this.name = hashName(message, name.from, name.to);
    this.object = hashObject(hashName(message, namespace.from, namespace.to), this.name);
    return true;
  }
}
