import type { FieldReader } from './field-reader.ts';
import { type Made, ReceivedList, ResourceList } from './resource-list.ts';
import type { ResourceKind } from './snapshot.ts';

/** One xDS resource of a snapshot. */
export interface Resource {
  readonly kind: ResourceKind;
  /** Its place in its list, from 0. */
  readonly index: number;
  /** Encoded. */
  readonly value: Uint8Array;
}

/** Resources of one kind that follow each other in a snapshot. */
export interface Run {
  readonly kind: ResourceKind;
  /** The place of the first in its list. */
  readonly from: number;
  /** The place behind the last. */
  readonly to: number;
}

/** The four lists of a snapshot. */
export type Lists = Readonly<Record<ResourceKind, ResourceList>>;

/** All resources of a snapshot: nothing is made of one until somebody asks for it. */
export class Resources {
  readonly lists: Lists;
  /** Their order; Envoy Gateway mixes no lists, so it has a run of each. */
  readonly runs: readonly Run[];

  constructor(lists: Lists, runs: readonly Run[]) {
    this.lists = lists;
    this.runs = runs;
  }

  /** All of them, in their order. */
  *[Symbol.iterator](): Iterator<Resource> {
    for (const { kind, from, to } of this.runs) {
      const list = this.lists[kind];
      for (let index = from; index < to; index++) yield { kind, index, value: list.valueAt(index) };
    }
  }

  /** The same with another list of as many resources. */
  with(kind: ResourceKind, list: ResourceList): Resources {
    return new Resources({ ...this.lists, [kind]: list }, this.runs);
  }

  /** The same with more resources behind all others. */
  plus(kind: ResourceKind, values: readonly Uint8Array[]): Resources {
    const index = this.lists[kind].length;
    return this.withAll(values.map((value) => ({ kind, index, value })));
  }

  /** The same with these in their places, or behind all others, in their order, where a list has no such place. */
  withAll(resources: readonly Resource[]): Resources {
    const runs = [...this.runs];
    const made = new Map<ResourceKind, Made>();
    for (const { kind, index, value } of resources) {
      const { length } = this.lists[kind];
      const its: Made = made.get(kind) ?? new Array(length);
      made.set(kind, its);
      if (index < length) its[index] = value;
      else runs.push({ kind, from: its.length, to: its.push(value) });
    }
    let { lists } = this;
    for (const [kind, its] of made) lists = { ...lists, [kind]: lists[kind].with(its) };
    return new Resources(lists, runs);
  }
}

/** Notes where the resources of a request are. */
export class ResourcesReader {
  readonly #lists: Readonly<Record<ResourceKind, ReceivedList>>;
  readonly #runs: Run[] = [];
  /** Of the run that is being read: its kind, its list, the place of its first there. */
  #kind: ResourceKind = 'clusters';
  #list: ReceivedList;
  #from = 0;

  constructor(request: Uint8Array) {
    this.#lists = {
      clusters: new ReceivedList(request),
      secrets: new ReceivedList(request),
      listeners: new ReceivedList(request),
      routes: new ReceivedList(request),
    };
    this.#list = this.#lists.clusters;
  }

  /** Notes the one at which a reader of the request stands. */
  add(kind: ResourceKind, reader: FieldReader): void {
    if (kind !== this.#kind) this.#begin(kind);
    this.#list.add(reader);
  }

  finish(): Resources {
    this.#end();
    const { clusters, secrets, listeners, routes } = this.#lists;
    const lists = {
      clusters: new ResourceList(clusters),
      secrets: new ResourceList(secrets),
      listeners: new ResourceList(listeners),
      routes: new ResourceList(routes),
    };
    return new Resources(lists, this.#runs);
  }

  #begin(kind: ResourceKind): void {
    this.#end();
    this.#kind = kind;
    this.#list = this.#lists[kind];
    this.#from = this.#list.length;
  }

  #end(): void {
    const to = this.#list.length;
    if (to > this.#from) this.#runs.push({ kind: this.#kind, from: this.#from, to });
  }
}
