import { fieldHeadSize, writeFieldHead } from './encoding.ts';
import { viewOf } from './field-reader.ts';
import { listFields } from './list-fields.ts';
import type { ResourceList } from './resource-list.ts';
import type { EncodedMessage, ResourceKind, Snapshot } from './snapshot.ts';

/** A response list's field number is its request list's minus this: see the extension's protos. */
const responseNumberShift = 1;
const tagShift = responseNumberShift * 8;

/** The response of a snapshot, made of its request and of what was put in the place of resources. */
export class PreparedResponse implements EncodedMessage {
  readonly byteLength: number;
  readonly #snapshot: Snapshot;

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot;
    const { runs, lists } = snapshot.resources;
    let byteLength = 0;
    for (const { kind, from, to } of runs) {
      const list = lists[kind];
      for (let place = from; place < to; place++) byteLength += fieldLengthAt(kind, list, place);
    }
    this.byteLength = byteLength;
  }

  copy(target: Uint8Array, at: number): number {
    this.#copyFields(target, at);
    const { runs, lists } = this.#snapshot.resources;
    let tag = at;
    for (const { kind, from, to } of runs) {
      const list = lists[kind];
      for (let place = from; place < to; place++) {
        target[tag] = (target[tag] ?? 0) - tagShift;
        tag += fieldLengthAt(kind, list, place);
      }
    }
    return this.byteLength;
  }

  /** Copies all resources, as fields of a request. */
  #copyFields(target: Uint8Array, at: number): void {
    const { runs, lists } = this.#snapshot.resources;
    const copy = new FieldsCopy(this.#snapshot.request, target, at);
    for (const { kind, from, to } of runs) {
      const list = lists[kind];
      for (let place = from; place < to; place++) {
        const made = list.madeAt(place);
        if (made === undefined) copy.keep(list.received.startAt(place), list.received.endAt(place));
        else copy.add(kind, made);
      }
    }
    copy.finish();
  }
}

/** Writes fields one after the other; those of the request that follow each other, in one go. */
class FieldsCopy {
  readonly #request: Uint8Array;
  readonly #target: Uint8Array;
  #at: number;
  /** Of the request, what is still to be copied. */
  #from = 0;
  #to = 0;

  constructor(request: Uint8Array, target: Uint8Array, at: number) {
    this.#request = request;
    this.#target = target;
    this.#at = at;
  }

  /** A field of the request. */
  keep(start: number, end: number): void {
    if (start !== this.#to) {
      this.finish();
      this.#from = start;
    }
    this.#to = end;
  }

  /** Another resource. */
  add(kind: ResourceKind, value: Uint8Array): void {
    this.finish();
    this.#at = writeFieldHead(listFields[kind], value.length, this.#target, this.#at);
    this.#target.set(value, this.#at);
    this.#at += value.length;
  }

  /** Copies what is still to be copied. */
  finish(): void {
    if (this.#from === this.#to) return;
    this.#target.set(viewOf(this.#request, this.#from, this.#to), this.#at);
    this.#at += this.#to - this.#from;
    this.#from = this.#to;
  }
}

/** How long the resource at a place is as a field, tag and length included. */
function fieldLengthAt(kind: ResourceKind, list: ResourceList, place: number): number {
  const made = list.madeAt(place);
  if (made !== undefined) return fieldHeadSize(listFields[kind], made.length) + made.length;
  return list.received.endAt(place) - list.received.startAt(place);
}
