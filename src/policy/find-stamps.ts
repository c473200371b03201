import type { Snapshot } from '../xds/snapshot.ts';
import { textFinder } from '../xds/text.ts';
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
 * between them; and what a rewrite leaves as it came is not searched again.
 */
export function stampFinder(snapshot: Snapshot): (routeConfiguration: Uint8Array) => boolean {
  for (const [buffer, { from, to }] of spansOf(snapshot)) {
    if (hasText(new Uint8Array(buffer, from, to - from))) return hasText;
  }
  const { stampless } = snapshot.known;
  for (const { kind, value } of snapshot.resources) if (kind === 'routes') stampless.add(value);
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

/**
 * Where in their buffers the route configurations lie that were not searched before: from the first one’s
 * begin to the last one’s end.
 */
function spansOf({ resources, known }: Snapshot): ReadonlyMap<ArrayBufferLike, Span> {
  const spans = new Map<ArrayBufferLike, Span>();
  for (const { kind, value } of resources) {
    if (kind !== 'routes' || known.stampless.has(value)) continue;
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
