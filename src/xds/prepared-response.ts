import { fieldHeadSize, writeFieldHead } from './encoding.ts';
import { viewOf } from './field-reader.ts';
import { listFields } from './resource-lists.ts';
import type { EncodedMessage, Resource, Snapshot } from './snapshot.ts';

/** A response list's field number is its request list's minus this: see the extension's protos. */
const responseNumberShift = 1;
const tagShift = responseNumberShift * 8;

/** The response of a snapshot, made of its request and of what was put in the place of resources. */
export class PreparedResponse implements EncodedMessage {
  readonly byteLength: number;
  readonly #snapshot: Snapshot;

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot;
    const { resources } = snapshot;
    let byteLength = 0;
    for (let place = 0; place < resources.length; place++)
      byteLength += fieldLengthAt(resources, place);
    this.byteLength = byteLength;
  }

  copy(target: Uint8Array, at: number): number {
    this.#copyFields(target, at);
    const { resources } = this.#snapshot;
    let tag = at;
    for (let place = 0; place < resources.length; place++) {
      target[tag] = (target[tag] ?? 0) - tagShift;
      tag += fieldLengthAt(resources, place);
    }
    return this.byteLength;
  }

  /** Copies all resources, as fields of a request. */
  #copyFields(target: Uint8Array, at: number): void {
    const { request, resources } = this.#snapshot;
    let next = at;
    // Of the request, what is still to be copied.
    let from = 0;
    let to = 0;
    for (let place = 0; place < resources.length; place++) {
      const resource = resources[place];
      if (resource === undefined) continue;
      const { kind, value, start, end } = resource;
      if (start === to) {
        to = end ?? to;
        continue;
      }
      target.set(viewOf(request, from, to), next);
      next += to - from;
      from = start ?? to;
      to = end ?? to;
      if (start !== undefined) continue;
      next = writeFieldHead(listFields[kind], value.length, target, next);
      target.set(value, next);
      next += value.length;
    }
    target.set(viewOf(request, from, to), next);
  }
}

/** How long the resource at a place is as a field, tag and length included. */
function fieldLengthAt(resources: readonly Resource[], place: number): number {
  const resource = resources[place];
  if (resource === undefined) return 0;
  const { kind, value, start, end } = resource;
  if (start !== undefined && end !== undefined) return end - start;
  return fieldHeadSize(listFields[kind], value.length) + value.length;
}
