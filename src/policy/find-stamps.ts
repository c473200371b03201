import type { Snapshot } from '../xds/snapshot.ts';
import { textFinder } from '../xds/wire.ts';
import { policyGroup } from './offramp-policy.ts';

const hasText = textFinder(policyGroup);

/** A part of a buffer. */
interface Span {
  from: number;
  to: number;
}

/**
 * Finds the route configurations of a snapshot that may have a stamp: for sure, all others have none.
 * Nearly always none has, which one search tells of all that lie in one buffer, with whatever is
 * between them; and for what rewrites make of the snapshot it is not searched again.
 */
export function stampFinder(snapshot: Snapshot): (routeConfiguration: Uint8Array) => boolean {
  const { known } = snapshot;
  if (known.isWithoutStamps) return hasNone;
  for (const [buffer, { from, to }] of spansOf(snapshot)) {
    if (hasText(new Uint8Array(buffer, from, to - from))) return hasText;
  }
  known.isWithoutStamps = true;
  return hasNone;
}

function hasNone(): boolean {
  return false;
}

/** Whether a route configuration of a snapshot may have a stamp: cheap, and wrong only in one way. */
export function mayHaveStamps(snapshot: Snapshot): boolean {
  const hasStamp = stampFinder(snapshot);
  if (hasStamp === hasNone) return false;
  return snapshot.resources.some(({ kind, value }) => kind === 'routes' && hasStamp(value));
}

/** Where in their buffers the route configurations lie: from the first one’s begin to the last one’s end. */
function spansOf({ resources }: Snapshot): ReadonlyMap<ArrayBufferLike, Span> {
  const spans = new Map<ArrayBufferLike, Span>();
  for (const { kind, value } of resources) {
    if (kind !== 'routes') continue;
    const { buffer, byteOffset: from } = value;
    const to = from + value.length;
    const span = spans.get(buffer);
    if (span === undefined) spans.set(buffer, { from, to });
    else {
      span.from = Math.min(span.from, from);
      span.to = Math.max(span.to, to);
    }
  }
  return spans;
}
