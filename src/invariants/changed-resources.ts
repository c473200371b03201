import { type FieldReader, spareReader } from '../xds/field-reader.ts';
import type { FieldRef } from '../xds/field-ref.ts';
import { fields } from '../xds/fields.ts';
import { MalformedMessageError } from '../xds/malformed.ts';
import type { Resource, Resources } from '../xds/resources.ts';
import type { ResourceKind, Snapshot } from '../xds/snapshot.ts';
import { nextOccurrence, stringOf } from '../xds/wire.ts';

/** A resource that a rewrite made: of one that came, or anew. */
export interface ChangedResource {
  readonly kind: ResourceKind;
  /** Its place in its list. */
  readonly index: number;
  /** Its place in the snapshot. */
  readonly place: number;
  /** Its name, or its place when that cannot be read. */
  readonly name: string;
  readonly before: Uint8Array | undefined;
  readonly after: Uint8Array;
}

/** A resource that came, and is not in its place any more. */
export interface LostResource {
  readonly kind: ResourceKind;
  readonly name: string;
}

/**
 * What differs between a snapshot and what a rewrite made of it. A rewrite keeps every resource in its
 * place, and adds its own behind them: Envoy Gateway deletes what an answer leaves out.
 */
export function findChanged(
  before: Snapshot,
  after: Snapshot,
): { readonly changed: readonly ChangedResource[]; readonly lost: LostResource | undefined } {
  const changed: ChangedResource[] = [];
  const lost = findLost(before.resources, after.resources);
  if (lost !== undefined) return { changed, lost };
  const { runs, lists } = after.resources;
  let place = 0;
  for (const { kind, from, to } of runs) {
    const was = before.resources.lists[kind];
    const now = lists[kind];
    for (let index = from; index < to && now !== was; index++) {
      if (now.hasSameAt(index, was)) continue;
      const value = now.valueAt(index);
      const came = index < was.length ? was.valueAt(index) : undefined;
      changed.push(new Changed(place + index - from, { kind, index, value }, came));
    }
    place += to - from;
  }
  return { changed, lost: undefined };
}

/** The first resource in whose place there is none of its kind any more. */
function findLost(before: Resources, after: Resources): LostResource | undefined {
  if (before.runs.every((run, at) => run === after.runs[at])) return undefined;
  const now = [...after];
  let place = 0;
  for (const { kind, value } of before) {
    if (now[place]?.kind !== kind)
      return { kind, name: nameOf(kind, value) ?? `resource ${place}` };
    place++;
  }
  return undefined;
}

/** A class for its getter: as a literal's it would take longer to make than all the rest. */
class Changed implements ChangedResource {
  readonly kind: ResourceKind;
  readonly index: number;
  readonly place: number;
  readonly before: Uint8Array | undefined;
  readonly after: Uint8Array;

  constructor(place: number, { kind, index, value }: Resource, before?: Uint8Array) {
    this.kind = kind;
    this.index = index;
    this.place = place;
    this.before = before;
    this.after = value;
  }

  /** Read when somebody asks: nobody does unless something is wrong. */
  get name(): string {
    return nameOf(this.kind, this.before ?? this.after) ?? `${this.kind} at ${this.place}`;
  }
}

const nameFields = {
  clusters: fields.Cluster.name,
  listeners: fields.Listener.name,
  routes: fields.RouteConfiguration.name,
};

/** What is compared with each other, used again and again. */
const readers = { before: spareReader(), after: spareReader() };

/** Whether a resource that has a name had another one, by the bytes of both. Whoever asks lets go of spare readers. */
export function isRenamed(kind: ResourceKind, before: Uint8Array, after: Uint8Array): boolean {
  if (kind === 'secrets') return false;
  try {
    const was = moveToName(readers.before.over(before, 0, before.length), nameFields[kind]);
    const is = moveToName(readers.after.over(after, 0, after.length), nameFields[kind]);
    return !haveEqualRest(was, is);
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
    return nameOf(kind, after) !== undefined;
  }
}

/** Has a reader walk a resource’s name only, the last one given; nothing when it has none. */
function moveToName(reader: FieldReader, field: FieldRef): FieldReader {
  let from = 0;
  let to = 0;
  while (nextOccurrence(reader, field)) {
    from = reader.valueStart;
    to = reader.end;
  }
  return reader.over(reader.message, from, to);
}

function haveEqualRest(one: FieldReader, other: FieldReader): boolean {
  const length = one.limit - one.end;
  if (other.limit - other.end !== length) return false;
  for (let at = 0; at < length; at++) {
    if (one.message[one.end + at] !== other.message[other.end + at]) return false;
  }
  return true;
}

/** A resource's name; undefined when it cannot be read, or is a secret's, which nobody asks for. */
export function nameOf(kind: ResourceKind, resource: Uint8Array): string | undefined {
  if (kind === 'secrets') return undefined;
  try {
    return stringOf(resource, nameFields[kind]);
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
    return undefined;
  }
}
