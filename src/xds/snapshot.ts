import { atOnce, Pace, type Steps, stepBytes } from '../steps.ts';
import type { ClusterIndex } from './cluster-index.ts';
import { encodeFieldHead } from './encoding.ts';
import { FieldReader } from './field-reader.ts';
import type { FieldRef } from './field-ref.ts';
import { fields } from './fields.ts';
import { insideField, MalformedMessageError } from './malformed.ts';
import { RouteColumns } from './route-columns.ts';
import type { RouteScan } from './route-scan.ts';
import { expectLengthDelimited } from './wire.ts';

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

/**
 * What was found out about a snapshot's resources, by their bytes, so that it is found out once. It goes
 * when the snapshot goes. A table of the whole process would keep its request in memory, also a weak one:
 * only a full collection of garbage looks into those.
 */
export interface Known {
  readonly scans: Map<Uint8Array, RouteScan>;
  /** What these scans found. */
  readonly routes: RouteColumns;
  /** By the first cluster of each. */
  readonly clusterIndexes: Map<Uint8Array, ClusterIndex>;
  /** Route configurations that were searched for stamps in vain. */
  readonly stampless: Set<Uint8Array>;
}

/** Told how many bytes are about to be worked on; throws when there is no time left for them. */
export type Checkpoint = (bytes: number) => void;

/** One PostTranslateModify request: what Envoy Gateway is about to publish, in the order it came. */
export interface Snapshot {
  readonly resources: readonly Resource[];
  /** PostTranslateExtensionContext values, encoded; not part of the answer. */
  readonly contexts: readonly Uint8Array[];
  readonly known: Known;
  /** Passed by every resource on its way through a rewrite; without it, all the time in the world. */
  readonly checkpoint?: Checkpoint | undefined;
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
    const known = {
      scans: new Map(),
      routes: new RouteColumns(),
      clusterIndexes: new Map(),
      stampless: new Set<Uint8Array>(),
    };
    return { resources, contexts, known };
  });
}

/** A response list's field number is its request list's minus this: see the extension's protos. */
const responseNumberShift = 1;
const tagShift = responseNumberShift * 8;

/** An encoded message that is in no buffer yet: whoever sends it has one, and so it is copied once. */
export interface EncodedMessage {
  readonly byteLength: number;
  /** Writes it into `target` from `at` on, and returns its length, as a Buffer does. */
  copy(target: Uint8Array, at: number): number;
}

/**
 * The snapshot as a PostTranslateModifyResponse. Resources that nobody replaced keep their bytes, and
 * are copied together with those around them; only the list's number in front changes.
 */
export function prepareResponse(snapshot: Snapshot): EncodedMessage {
  const runs: Run[] = [];
  const { resources } = snapshot;
  const tags = new Float64Array(resources.length);
  let byteLength = 0;
  let index = 0;
  for (const { kind, value, headLength } of resources) {
    tags[index++] = byteLength;
    if (headLength !== undefined) byteLength += append(runs, value, headLength);
    else {
      byteLength += append(runs, encodeFieldHead(listFields[kind], value.length));
      byteLength += append(runs, value);
    }
  }
  return {
    byteLength,
    copy(target, at) {
      let next = at;
      for (const { buffer, from, to } of runs) {
        target.set(new Uint8Array(buffer, from, to - from), next);
        next += to - from;
      }
      for (const tag of tags) target[at + tag] = (target[at + tag] ?? 0) - tagShift;
      return byteLength;
    },
  };
}

/** What `prepareResponse` says, in a buffer of its own. */
export function encodeResponse(snapshot: Snapshot): Uint8Array {
  return bytesOf(prepareResponse(snapshot));
}

/** A message in a buffer of its own. */
export function bytesOf(message: EncodedMessage): Uint8Array {
  const bytes = Buffer.allocUnsafeSlow(message.byteLength);
  message.copy(bytes, 0);
  return bytes;
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

/** How many resources each list of a snapshot has. */
export function countResources({ resources }: Snapshot): Readonly<Record<ResourceKind, number>> {
  const counts = { clusters: 0, secrets: 0, listeners: 0, routes: 0 };
  for (const { kind } of resources) counts[kind]++;
  return counts;
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
export function mapResources(...args: Parameters<typeof mapResourcesInSteps>): Snapshot {
  return atOnce(mapResourcesInSteps(...args));
}

/** The same, with pauses between resources. */
export function* mapResourcesInSteps(
  snapshot: Snapshot,
  kind: ResourceKind,
  rewrite: (value: Uint8Array, index: number) => Uint8Array,
  unreadable: (resource: UnreadableResource) => void,
): Steps<Snapshot> {
  let rewritten: Resource[] | undefined;
  let next = 0;
  const pace = new Pace(stepBytes);
  for (let at = 0; at < snapshot.resources.length; at++) {
    const resource = snapshot.resources[at];
    if (resource?.kind !== kind) continue;
    if (pace.isPauseDue(resource.value.length)) yield;
    snapshot.checkpoint?.(resource.value.length);
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
