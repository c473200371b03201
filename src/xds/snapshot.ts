import { FieldReader } from './field-reader.ts';
import { type FieldRef, fields } from './fields.ts';
import { insideField, MalformedMessageError } from './malformed.ts';
import { concatenate, encodeFieldHead, expectLengthDelimited } from './wire.ts';

const request = fields.PostTranslateModifyRequest;

const listFields = {
  clusters: request.clusters,
  secrets: request.secrets,
  listeners: request.listeners,
  routes: request.routes,
} as const satisfies Record<string, FieldRef>;

/** The four lists of a snapshot, by their names in the hook's messages. */
export type ResourceKind = keyof typeof listFields;

/** One xDS resource of a snapshot, encoded. */
export interface Resource {
  readonly kind: ResourceKind;
  readonly value: Uint8Array;
  /** How long tag and length in front of it are, as it was received; absent when a rewrite made it. */
  readonly headLength?: number;
}

/** One PostTranslateModify request: what Envoy Gateway is about to publish, in the order it came. */
export interface Snapshot {
  readonly resources: readonly Resource[];
  /** PostTranslateExtensionContext values, encoded; not part of the answer. */
  readonly contexts: readonly Uint8Array[];
}

const kindByNumber = new Map<number, ResourceKind>([
  [listFields.clusters.number, 'clusters'],
  [listFields.secrets.number, 'secrets'],
  [listFields.listeners.number, 'listeners'],
  [listFields.routes.number, 'routes'],
]);

/**
 * Splits a PostTranslateModifyRequest into its resources: views into `bytes`, nothing is copied or
 * looked into. Throws MalformedMessageError when the envelope itself is not well-formed.
 */
export function readSnapshot(bytes: Uint8Array): Snapshot {
  return insideField('PostTranslateModifyRequest', 0, () => {
    const resources: Resource[] = [];
    const contexts: Uint8Array[] = [];
    // A Buffer's views are Buffers, which cost twice as much to make.
    const reader = new FieldReader(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length));
    while (reader.next()) {
      const kind = kindByNumber.get(reader.number);
      if (kind !== undefined) {
        expectLengthDelimited(reader, listFields[kind]);
        resources.push({
          kind,
          value: reader.value(),
          headLength: reader.valueStart - reader.start,
        });
      } else if (reader.number === request.post_translate_context.number) {
        expectLengthDelimited(reader, request.post_translate_context);
        contexts.push(reader.value());
      }
    }
    return { resources, contexts };
  });
}

/** A response list's field number is its request list's minus this: see the extension's protos. */
const responseNumberShift = 1;
const tagShift = responseNumberShift * 8;

/**
 * The snapshot as an encoded PostTranslateModifyResponse. Resources that nobody replaced keep their
 * bytes, and are copied together with those around them; only the list's number in front changes.
 */
export function encodeResponse(snapshot: Snapshot): Uint8Array {
  const runs: Run[] = [];
  const tags: number[] = [];
  let size = 0;
  for (const { kind, value, headLength } of snapshot.resources) {
    tags.push(size);
    if (headLength !== undefined) size += append(runs, value, headLength);
    else {
      size += append(runs, encodeFieldHead(listFields[kind], value.length));
      size += append(runs, value);
    }
  }
  const response = concatenate(
    runs.map(({ buffer, from, to }) => new Uint8Array(buffer, from, to - from)),
  );
  for (const at of tags) response[at] = (response[at] ?? 0) - tagShift;
  return response;
}

/** Bytes that are copied at once. */
interface Run {
  readonly buffer: ArrayBufferLike;
  readonly from: number;
  to: number;
}

/** Appends bytes, and some of those in front of them; to the last run if they come right behind it. */
function append(runs: Run[], { buffer, byteOffset, length }: Uint8Array, before = 0): number {
  const from = byteOffset - before;
  const to = byteOffset + length;
  const last = runs.at(-1);
  if (last?.buffer === buffer && last.to === from) last.to = to;
  else runs.push({ buffer, from, to });
  return to - from;
}

/** How many resources of a kind the snapshot has. */
export function countResources(snapshot: Snapshot, kind: ResourceKind): number {
  let count = 0;
  for (const resource of snapshot.resources) if (resource.kind === kind) count++;
  return count;
}

/** What `mapResources` tells of a resource it could not read. */
export interface UnreadableResource {
  readonly kind: ResourceKind;
  /** Its place in its list, from 0. */
  readonly index: number;
  readonly error: MalformedMessageError;
}

/**
 * Rewrites each resource of one kind; the same snapshot comes back when nothing changed.
 * A resource in which `rewrite` finds malformed bytes stays as it is, and is told to `unreadable`.
 */
export function mapResources(
  snapshot: Snapshot,
  kind: ResourceKind,
  rewrite: (value: Uint8Array, index: number) => Uint8Array,
  unreadable: (resource: UnreadableResource) => void,
): Snapshot {
  let rewritten: Resource[] | undefined;
  let next = 0;
  for (let at = 0; at < snapshot.resources.length; at++) {
    const resource = snapshot.resources[at];
    if (resource?.kind !== kind) continue;
    const value = rewriteOrKeep(resource.value, next++);
    if (value === resource.value) continue;
    rewritten ??= [...snapshot.resources];
    rewritten[at] = { kind, value };
  }
  return rewritten === undefined ? snapshot : { ...snapshot, resources: rewritten };

  function rewriteOrKeep(value: Uint8Array, index: number): Uint8Array {
    try {
      return rewrite(value, index);
    } catch (error) {
      if (!(error instanceof MalformedMessageError)) throw error;
      unreadable({ kind, index, error: error.within(`${kind}[${index}]`, 0) });
      return value;
    }
  }
}
