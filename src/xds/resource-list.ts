import { Column } from './column.ts';
import type { FieldReader } from './field-reader.ts';

/** Where the resources of one list are in the request that they came in. */
export class ReceivedList {
  readonly #buffer: ArrayBufferLike;
  /** Where in its buffer the request begins. */
  readonly #from: number;
  /** Of each: where its field begins, where its value does, where both end. */
  readonly #offsets = new Column();
  /** Of each a view, once somebody asked for it: nobody does for most. */
  #views: (Uint8Array | undefined)[] | undefined;

  constructor({ buffer, byteOffset }: Uint8Array) {
    this.#buffer = buffer;
    this.#from = byteOffset;
  }

  get length(): number {
    return this.#offsets.length / 3;
  }

  /** Adds the one at which a reader of the request stands. */
  add({ start, valueStart, end }: FieldReader): void {
    this.#offsets.push(start);
    this.#offsets.push(valueStart);
    this.#offsets.push(end);
  }

  startAt(place: number): number {
    return this.#offsets.at(3 * place);
  }

  valueStartAt(place: number): number {
    return this.#offsets.at(3 * place + 1);
  }

  endAt(place: number): number {
    return this.#offsets.at(3 * place + 2);
  }

  /** The value at a place: always the same view. */
  valueAt(place: number): Uint8Array {
    this.#views ??= new Array(this.length);
    const known = this.#views[place];
    if (known !== undefined) return known;
    const from = this.valueStartAt(place);
    const view = new Uint8Array(this.#buffer, this.#from + from, this.endAt(place) - from);
    this.#views[place] = view;
    return view;
  }
}

/** What was made, by its place; not set where something is as it came. */
export type Made = (Uint8Array | undefined)[];

/**
 * The resources of one kind of a snapshot, in their order: as they came, or what a rewrite made of them. Behind
 * those that came may be others.
 */
export class ResourceList {
  readonly length: number;
  /** What came. */
  readonly received: ReceivedList;
  readonly #made: Readonly<Made> | undefined;

  constructor(received: ReceivedList, made?: Readonly<Made>) {
    this.received = received;
    this.#made = made;
    this.length = Math.max(received.length, made?.length ?? 0);
  }

  /** What was made at a place; undefined when it is as it came. */
  madeAt(place: number): Uint8Array | undefined {
    return this.#made?.[place];
  }

  /** The encoded resource at a place: always the same view. */
  valueAt(place: number): Uint8Array {
    return this.madeAt(place) ?? this.received.valueAt(place);
  }

  /** How many bytes it has. */
  sizeAt(place: number): number {
    const made = this.madeAt(place);
    if (made !== undefined) return made.length;
    return this.received.endAt(place) - this.received.valueStartAt(place);
  }

  /** Whether another list has the very same at a place: nothing is made of what is as it came in both. */
  hasSameAt(place: number, other: ResourceList): boolean {
    return this.madeAt(place) === undefined && other.madeAt(place) === undefined
      ? this.received === other.received
      : this.valueAt(place) === other.valueAt(place);
  }

  *[Symbol.iterator](): Iterator<Uint8Array> {
    for (let place = 0; place < this.length; place++) yield this.valueAt(place);
  }

  /** The same with these in their places, which may be behind all others; `made` is the list's own from then on. */
  with(made: Made): ResourceList {
    const before = this.#made;
    for (let place = 0; before !== undefined && place < before.length; place++) {
      made[place] ??= before[place];
    }
    return new ResourceList(this.received, made);
  }
}
