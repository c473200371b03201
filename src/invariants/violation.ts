/**
 * What Envoy, or Envoy Gateway's validation, would refuse the whole configuration for, and what would
 * quietly lose traffic; as reasons of the report.
 */
export const invariantReasons = [
  'invariant-cluster-missing',
  'invariant-direct-response',
  'invariant-domains',
  'invariant-filters',
  'invariant-name',
  'invariant-resource-lost',
  'invariant-route-action',
  'invariant-unreadable',
  'invariant-upgrades',
  'invariant-weights',
] as const;

/** One of `invariantReasons`. */
export type InvariantReason = (typeof invariantReasons)[number];

/** Something in a resource that Envoy would not take. */
export interface Violation {
  readonly reason: InvariantReason;
  readonly detail: string;
  readonly virtualHost?: string;
  readonly route?: string;
}

/** Whether a reason of the report is one of a violated invariant. */
export function isInvariantReason(reason: string): reason is InvariantReason {
  return invariantReasons.some((one) => one === reason);
}

/** Those violations of a sort that was not there before: what came wrong is not the rewrite's fault. */
export function introduced(
  now: readonly Violation[],
  before: () => readonly Violation[],
): readonly Violation[] {
  if (now.length === 0) return now;
  const known = new Set(before().map(keyOf));
  return now.filter((violation) => !known.has(keyOf(violation)));
}

/** Not what exactly: Envoy refused the virtual host, or the resource, for this before. */
function keyOf({ reason, virtualHost }: Violation): string {
  return `${reason} ${virtualHost}`;
}

/** The values that occur more than once, each of them once. */
export function repeated(values: readonly string[]): string[] {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const value of values) (seen.has(value) ? twice : seen).add(value);
  return [...twice];
}
