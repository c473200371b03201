import { invariantReasons } from '../invariants/violation.ts';
import type { ResourceKind } from '../xds/snapshot.ts';

/** What can happen to traffic. Each is one kind of line in `explain` and moves its own counters. */
export type Effect =
  | 'route-answered'
  | 'empty-dropped'
  | 'entries-dropped'
  | 'mirror-dropped'
  | 'upgrade-refused'
  | 'connect-answered'
  | 'connect-tunnelled'
  | 'domain-added'
  | 'cluster-replaced'
  | 'connect-allowed'
  | 'fallback-added'
  | 'fallback-filters-added'
  | 'vm-cluster-prepared'
  | 'control-plane-added';

/** Why something was left as it came although the state spoke of it. */
export const skipReasons = [
  'ambiguous-encoding',
  'backend-refs-unknown',
  'cluster-header',
  'cluster-missing',
  'connect-authentication',
  'control-plane-authentication',
  'control-plane-missing',
  'custom-cluster-missing',
  'domain-taken',
  'endpoints-unknown',
  'fallback-route-missing',
  'fallback-rule-missing',
  'fallback-without-listener',
  'former-protocol-options',
  'inline-cluster-specifier',
  'inline-routes',
  'internal-redirect-policy',
  ...invariantReasons,
  'malformed-resource',
  'merged-cluster',
  'policy-not-understood',
  'policy-overruled',
  'shared-cluster',
  'total-weight',
  'unparsable-route-name',
  'validate-clusters',
  'virtual-host-matcher',
  'weights-disagree',
] as const;

/** Those of them that mean: empty could not be told from invalid, so the split stayed. */
export const unresolvedReasons: readonly SkipReason[] = [
  'backend-refs-unknown',
  'custom-cluster-missing',
  'endpoints-unknown',
  'weights-disagree',
];

/** One of `skipReasons`. */
export type SkipReason = (typeof skipReasons)[number];

/** A place in a snapshot: a resource, and what in it. Names are the ones Envoy shows. */
export interface Place {
  readonly kind: ResourceKind | 'policies';
  /** Name of the cluster, listener or route configuration; its index when it cannot be read. */
  readonly resource: string;
  readonly virtualHost?: string;
  readonly route?: string;
}

/** One thing a rewrite did. */
export interface Change {
  readonly rewrite: string;
  readonly effect: Effect;
  readonly place: Place;
  /** Connectors that it was done for. */
  readonly connectors: readonly string[];
  readonly detail: string;
}

/** One thing a rewrite declined to do, and why. */
export interface Skip {
  readonly rewrite: string;
  readonly reason: SkipReason;
  readonly place: Place;
  readonly detail: string;
}

/** What the rewrites did to one snapshot: the log line, the counters and `explain` all print this. */
export interface Report {
  readonly changes: readonly Change[];
  readonly skips: readonly Skip[];
  /** Distinct clusters of this snapshot whose connector is offline. */
  readonly offlineClusters: readonly string[];
}

/** The report of a snapshot in which nothing was done. */
export const emptyReport: Report = { changes: [], skips: [], offlineClusters: [] };

/**
 * One report out of several, in their order. What several rewrites could not read, and left alone for
 * the same reason, is told once.
 */
export function mergeReports(reports: readonly Report[]): Report {
  return {
    changes: emptyReport.changes.concat(...reports.map((report) => report.changes)),
    skips: distinctSkips(reports.flatMap((report) => report.skips)),
    offlineClusters: [...new Set(reports.flatMap((report) => report.offlineClusters))],
  };
}

function distinctSkips(skips: readonly Skip[]): readonly Skip[] {
  const told = new Map<string, Skip>();
  for (const skip of skips) {
    const { reason, place, detail } = skip;
    const key = JSON.stringify([reason, place.resource, place.virtualHost, place.route, detail]);
    if (!told.has(key)) told.set(key, skip);
  }
  return [...told.values()];
}
