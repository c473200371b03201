import { atOnce, Pace, type Steps, stepBytes } from '../steps.ts';
import type { ClusterIndex } from './cluster-index.ts';
import { FieldReader } from './field-reader.ts';
import { fields } from './fields.ts';
import { MalformedMessageError, seenFromOutside } from './malformed.ts';
import { PreparedResponse } from './prepared-response.ts';
import { findLists, kindOf, type Lists, listFields } from './resource-lists.ts';
import { RouteColumns } from './route-columns.ts';
import type { RouteScan } from './route-scan.ts';
import { expectLengthDelimited } from './wire-type.ts';

const requestFields = fields.PostTranslateModifyRequest;

/** The four lists of a snapshot, by their names in the hook's messages. */
export type ResourceKind = keyof typeof listFields;

/** One xDS resource of a snapshot, encoded. */
export interface Resource {
  readonly kind: ResourceKind;
  readonly value: Uint8Array;
  /** Where its field begins and ends in the request, tag and length included; absent when a rewrite made it. */
  readonly start?: number;
  readonly end?: number;
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
  /** Where the lists are in the resources that somebody asked of last. */
  lists?: Lists;
}

/** What a snapshot may cost. */
export interface Budget {
  /** Is told how many bytes are about to be worked on; throws when there is no time left for them. */
  spend(bytes: number): void;
}

/** One PostTranslateModify request: what Envoy Gateway is about to publish, in the order it came. */
export interface Snapshot {
  /** As it was received: the values of its resources are views into it. */
  readonly request: Uint8Array;
  readonly resources: readonly Resource[];
  /** PostTranslateExtensionContext values, encoded; not part of the answer. */
  readonly contexts: readonly Uint8Array[];
  readonly known: Known;
  /** Is told of every resource on its way through a rewrite; without it, all the time in the world. */
  readonly budget?: Budget | undefined;
}

/** Where the lists of a snapshot are: found once, and known as long as resources are replaced in their places. */
export function listsOf({ resources, known }: Snapshot): Lists {
  if (known.lists?.of !== resources) known.lists = findLists(resources);
  return known.lists;
}

/**
 * Splits a PostTranslateModifyRequest into its resources: views into `bytes`, nothing is copied or
 * looked into. Throws MalformedMessageError when the envelope itself is not well-formed.
 */
export function readSnapshot(bytes: Uint8Array): Snapshot {
  const known = {
    scans: new Map(),
    routes: new RouteColumns(),
    clusterIndexes: new Map(),
    stampless: new Set<Uint8Array>(),
  };
  try {
    return { ...readLists(bytes), known };
  } catch (error) {
    throw seenFromOutside(error, 'PostTranslateModifyRequest', 0);
  }
}

function readLists(bytes: Uint8Array): Pick<Snapshot, 'request' | 'resources' | 'contexts'> {
  const resources: Resource[] = [];
  const contexts: Uint8Array[] = [];
  // A Buffer's views are Buffers, which cost twice as much to make.
  const { buffer, byteOffset } = bytes;
  const request = new Uint8Array(buffer, byteOffset, bytes.length);
  const reader = new FieldReader(request);
  while (reader.next()) {
    const kind = kindOf(reader.number);
    if (kind !== undefined) {
      expectLengthDelimited(reader, listFields[kind]);
      const { start, valueStart, end } = reader;
      const value = new Uint8Array(buffer, byteOffset + valueStart, end - valueStart);
      resources.push({ kind, value, start, end });
    } else if (reader.number === requestFields.post_translate_context.number) {
      expectLengthDelimited(reader, requestFields.post_translate_context);
      contexts.push(reader.value());
    }
  }
  return { request, resources, contexts };
}

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
  return new PreparedResponse(snapshot);
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

/** How many resources each list of a snapshot has. */
export function countResources(snapshot: Snapshot): Readonly<Record<ResourceKind, number>> {
  const { clusters, secrets, listeners, routes } = listsOf(snapshot);
  return {
    clusters: clusters.count,
    secrets: secrets.count,
    listeners: listeners.count,
    routes: routes.count,
  };
}

/** What `mapResources` tells of a resource it could not read. */
export interface UnreadableResource {
  readonly kind: ResourceKind;
  /** Its place in its list, from 0. */
  readonly index: number;
  readonly error: MalformedMessageError;
}

/** What becomes of the resources of one kind. */
export interface ResourceRewrite<Context = undefined> {
  /** Answers the same value to keep it. */
  readonly rewrite: (value: Uint8Array, index: number, context: Context) => Uint8Array;
  /** Is told of resources that stay as they are because `rewrite` found malformed bytes in them. */
  readonly unreadable: (resource: UnreadableResource) => void;
}

/** Rewrites each resource of one kind; the same snapshot comes back when nothing changed. */
export function mapResources(
  snapshot: Snapshot,
  kind: ResourceKind,
  rewrite: ResourceRewrite,
): Snapshot;
export function mapResources<Context>(
  snapshot: Snapshot,
  kind: ResourceKind,
  rewrite: ResourceRewrite<Context>,
  context: Context,
): Snapshot;
export function mapResources<Context>(
  snapshot: Snapshot,
  kind: ResourceKind,
  rewrite: ResourceRewrite<Context | undefined>,
  context?: Context,
): Snapshot {
  return atOnce(mapResourcesInSteps(snapshot, kind, rewrite, context));
}

/** The same, with pauses between resources. */
export function* mapResourcesInSteps<Context>(
  snapshot: Snapshot,
  kind: ResourceKind,
  { rewrite, unreadable }: ResourceRewrite<Context>,
  context: Context,
): Steps<Snapshot> {
  let rewritten: Resource[] | undefined;
  let next = 0;
  const pace = new Pace(stepBytes);
  const { resources } = snapshot;
  const lists = listsOf(snapshot);
  const { from, to } = lists[kind];
  for (let at = from; at < to; at++) {
    const resource = resources[at];
    if (resource?.kind !== kind) continue;
    if (pace.isPauseDue(resource.value.length)) yield;
    snapshot.budget?.spend(resource.value.length);
    const index = next++;
    let { value } = resource;
    try {
      value = rewrite(value, index, context);
    } catch (error) {
      if (!(error instanceof MalformedMessageError)) throw error;
      unreadable({ kind, index, error: error.within(`${kind}[${index}]`, 0) });
    }
    if (value === resource.value) continue;
    rewritten ??= [...resources];
    rewritten[at] = { kind, value };
  }
  if (rewritten === undefined) return snapshot;
  snapshot.known.lists = { ...lists, of: rewritten };
  return { ...snapshot, resources: rewritten };
}
