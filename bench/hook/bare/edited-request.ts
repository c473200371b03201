import type { EncodedMessage } from '../../../src/xds/snapshot.ts';
import type { Scratch } from './scratch.ts';

/** A resource, as a field of the request, and what stands in its place, as a field of a request too. */
export interface Edit {
  /** In the request. */
  readonly start: number;
  readonly end: number;
  /** In the scratch. */
  readonly from: number;
  readonly to: number;
}

/** A response's lists have numbers that are one less. */
const tagShift = 8;

/** A request with other resources in some places, as the response to it. */
export class EditedRequest implements EncodedMessage {
  readonly byteLength: number;
  readonly #request: Buffer;
  readonly #starts: readonly number[];
  readonly #edits: readonly Edit[];
  readonly #scratch: Scratch;

  /** `starts` are the offsets of all resources; the edits are in their order. */
  constructor(
    request: Buffer,
    starts: readonly number[],
    edits: readonly Edit[],
    scratch: Scratch,
  ) {
    this.#request = request;
    this.#starts = starts;
    this.#edits = edits;
    this.#scratch = scratch;
    let byteLength = request.length;
    for (const { start, end, from, to } of edits) byteLength += to - from - (end - start);
    this.byteLength = byteLength;
  }

  copy(target: Buffer, at: number): number {
    let done = 0;
    let next = at;
    let resource = 0;
    for (const { start, end, from, to } of this.#edits) {
      this.#request.copy(target, next, done, start);
      resource = this.#retag(target, next - done, { resource, behind: start });
      next += start - done;
      this.#scratch.bytes.copy(target, next, from, to);
      target[next] = (target[next] ?? 0) - tagShift;
      resource++;
      next += to - from;
      done = end;
    }
    this.#request.copy(target, next, done, this.#request.length);
    this.#retag(target, next - done, { resource, behind: this.#request.length });
    return this.byteLength;
  }

  /** Retags resources from one on up to an offset; answers the first one that is behind that. */
  #retag(
    target: Buffer,
    shift: number,
    { resource, behind }: { readonly resource: number; readonly behind: number },
  ): number {
    let index = resource;
    for (let start = this.#starts[index] ?? behind; start < behind; ) {
      target[start + shift] = (target[start + shift] ?? 0) - tagShift;
      index++;
      start = this.#starts[index] ?? behind;
    }
    return index;
  }
}
