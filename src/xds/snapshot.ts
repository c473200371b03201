import { atOnce, Pace, type Steps, stepBytes } from '../steps.ts';
import type { ClusterIndex } from './cluster-index.ts';
import { FieldReader } from './field-reader.ts';
import { fields } from './fields.ts';
import { kindOf, listFields } from './list-fields.ts';
import { MalformedMessageError, seenFromOutside } from './malformed.ts';
import { PreparedResponse } from './prepared-response.ts';
import type { Made, ResourceList } from './resource-list.ts';
import { type Resources, ResourcesReader } from './resources.ts';
import { RouteColumns } from './route-columns.ts';
import type { RouteScan } from './route-scan.ts';
import { expectLengthDelimited } from './wire-type.ts';

const requestFields = fields.PostTranslateModifyRequest;

/** The four lists of a snapshot, by their names in the hook's messages. */
export type ResourceKind = keyof typeof listFields;

/**
 * What was found out about a snapshot's resources, by their bytes, so that it is found out once. It goes
 * when the snapshot goes. A table of the whole process would keep its request in memory, also a weak one:
 * only a full collection of garbage looks into those.
 */
export interface Known {
  readonly scans: Map<Uint8Array, RouteScan>;
  /** What these scans found. */
  readonly routes: RouteColumns;
  readonly clusterIndexes: Map<ResourceList, ClusterIndex>;
  /** Route configurations that were searched for stamps in vain. */
  readonly stampless: Set<Uint8Array>;
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
  readonly resources: Resources;
  /** PostTranslateExtensionContext values, encoded; not part of the answer. */
  readonly contexts: readonly Uint8Array[];
  readonly known: Known;
  /** Is told of every resource on its way through a rewrite; without it, all the time in the world. */
  readonly budget?: Budget | undefined;
}

/**
 * Splits a PostTranslateModifyRequest into its resources: places in `bytes`, nothing is copied or
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
  const contexts: Uint8Array[] = [];
  // A Buffer's views are Buffers, which cost twice as much to make.
  const request = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  const resources = new ResourcesReader(request);
  const reader = new FieldReader(request);
  while (reader.next()) {
    const kind = kindOf(reader.number);
    if (kind !== undefined) {
      expectLengthDelimited(reader, listFields[kind]);
      resources.add(kind, reader);
    } else if (reader.number === requestFields.post_translate_context.number) {
      expectLengthDelimited(reader, requestFields.post_translate_context);
      contexts.push(reader.value());
    }
  }
  return { request, resources: resources.finish(), contexts };
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
export function countResources({ resources }: Snapshot): Readonly<Record<ResourceKind, number>> {
  const { clusters, secrets, listeners, routes } = resources.lists;
  return {
    clusters: clusters.length,
    secrets: secrets.length,
    listeners: listeners.length,
    routes: routes.length,
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
  /** Whether one at a place is looked at; the others stay as they are. All of them, when it is absent. */
  readonly isConcerned?: (index: number, context: Context) => boolean;
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
  { isConcerned, rewrite, unreadable }: ResourceRewrite<Context>,
  context: Context,
): Steps<Snapshot> {
  const { resources, budget } = snapshot;
  const list = resources.lists[kind];
  const pace = new Pace(stepBytes);
  let made: Made | undefined;
  for (let index = 0; index < list.length; index++) {
    const size = list.sizeAt(index);
    if (pace.isPauseDue(size)) yield;
    budget?.spend(size);
    if (isConcerned !== undefined && !isConcerned(index, context)) continue;
    const value = list.valueAt(index);
    try {
      const rewritten = rewrite(value, index, context);
      if (rewritten === value) continue;
      made ??= new Array(list.length);
      made[index] = rewritten;
    } catch (error) {
      if (!(error instanceof MalformedMessageError)) throw error;
      unreadable({ kind, index, error: error.within(`${kind}[${index}]`, 0) });
    }
  }
  if (made === undefined) return snapshot;
  return { ...snapshot, resources: resources.with(kind, list.with(made)) };
}
