import type { RouteScan } from '../xds/route-scan.ts';
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
 * Nearly always none has, which a scan of its routes tells of each, if there was one. Of those left one
 * search tells it that lie in one buffer, with whatever is between them; and what a rewrite leaves as it
 * came is not searched again.
 */
export function stampFinder(snapshot: Snapshot): (routeConfiguration: Uint8Array) => boolean {
  const unknown = withUnknown(snapshot);
  if (unknown.length === 0) return hasNone;
  for (const [buffer, { from, to }] of spansOf(unknown)) {
    if (hasText(new Uint8Array(buffer, from, to - from))) return hasText;
  }
  for (const routeConfiguration of unknown) snapshot.known.stampless.add(routeConfiguration);
  return hasNone;
}

/**
 * Notes that what a rewrite made of route configurations without a stamp has none either: a rewrite copies
 * and changes routes, but Envoy Gateway alone has them stamped.
 */
export function noteRewritten(before: Snapshot, after: Snapshot): void {
  const { routes } = before.resources.lists;
  const { routes: rewritten } = after.resources.lists;
  if (routes === rewritten) return;
  const { stampless, scans } = after.known;
  for (let place = 0; place < routes.length; place++) {
    const was = routes.valueAt(place);
    const is = rewritten.valueAt(place);
    if (was === is) continue;
    if (stampless.has(was) || isStampless(scans.get(was))) stampless.add(is);
  }
}

/** The route configurations of which nobody knows yet whether they have a stamp. */
function withUnknown(snapshot: Snapshot): readonly Uint8Array[] {
  const { stampless, scans } = snapshot.known;
  const unknown: Uint8Array[] = [];
  const { routes } = snapshot.resources.lists;
  for (let place = 0; place < routes.length; place++) {
    const value = routes.valueAt(place);
    if (!stampless.has(value) && !isStampless(scans.get(value))) unknown.push(value);
  }
  return unknown;
}

/** Stamps are metadata of routes, and nobody reads those in a matcher tree. */
function isStampless(scan: RouteScan | undefined): boolean {
  return scan?.hasUsualMetadata === true && !scan.hasMatcherTree;
}

function hasNone(): boolean {
  return false;
}

/** Whether a route configuration of a snapshot may have a stamp: cheap, and wrong only in one way. */
export function mayHaveStamps(snapshot: Snapshot): boolean {
  const hasStamp = stampFinder(snapshot);
  if (hasStamp === hasNone) return false;
  return [...snapshot.resources.lists.routes].some(hasStamp);
}

/** Where in their buffers the route configurations lie: from the first one’s begin to the last one’s end. */
function spansOf(routeConfigurations: readonly Uint8Array[]): ReadonlyMap<ArrayBufferLike, Span> {
  const spans = new Map<ArrayBufferLike, Span>();
  for (const { buffer, byteOffset: from, length } of routeConfigurations) {
    const to = from + length;
    const span = spans.get(buffer);
    if (span === undefined) spans.set(buffer, { from, to });
    else {
      span.from = Math.min(span.from, from);
      span.to = Math.max(span.to, to);
    }
  }
  return spans;
}
