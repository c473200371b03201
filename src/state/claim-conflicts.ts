import { parseClusterName } from '../xds/names.ts';
import type { ConnectorEntry, RouteClaim, RuleKeyParts } from './connectors.ts';

/** Two connectors say that they serve the same backendRef or cluster. */
export interface ClaimConflict {
  readonly claim: string;
  /** Places of the two entries in the list that was given. */
  readonly entries: readonly [number, number];
}

function ruleKey({ kind, namespace, name, rule }: RuleKeyParts): string {
  return `${kind.toLowerCase()}/${namespace}/${name}/${rule ?? '*'}`;
}

/** Every pair of entries of which both claim one backendRef or one cluster. */
export function findClaimConflicts(entries: readonly ConnectorEntry[]): ClaimConflict[] {
  const conflicts: ClaimConflict[] = [];
  const earlierByRoute = new Map<string, { claim: RuleClaim; entry: number }[]>();
  const ownerByCluster = new Map<string, number>();
  entries.forEach((one, entry) => {
    for (const cluster of one.clusters) {
      const owner = ownerByCluster.get(cluster) ?? entry;
      ownerByCluster.set(cluster, owner);
      if (owner !== entry) conflicts.push({ claim: `cluster ${cluster}`, entries: [owner, entry] });
    }
    for (const claim of backendRefsOf(one)) {
      const key = ruleKey({ ...claim, rule: undefined });
      const earlier = earlierByRoute.get(key) ?? [];
      const other = earlier.find((known) => known.entry !== entry && overlap(known.claim, claim));
      if (other !== undefined && !(other.claim.cluster && claim.cluster)) {
        conflicts.push({ claim: describeClaim(claim), entries: [other.entry, entry] });
      }
      earlier.push({ claim, entry });
      earlierByRoute.set(key, earlier);
    }
  });
  return conflicts;
}

interface RuleClaim extends Omit<RouteClaim, 'kind'> {
  readonly kind: string;
  /** The cluster's name, where it is by that that the backendRef is claimed. */
  readonly cluster?: string;
}

function backendRefsOf({ routes, clusters }: ConnectorEntry): RuleClaim[] {
  const byCluster = clusters.flatMap((cluster) => {
    const name = parseClusterName(cluster);
    return name === undefined ? [] : [{ ...name, cluster }];
  });
  return [...routes, ...byCluster];
}

function overlap(a: RuleClaim, b: RuleClaim): boolean {
  return meets(a.rule, b.rule) && meets(a.backend, b.backend);
}

function meets(a: number | undefined, b: number | undefined): boolean {
  return a === undefined || b === undefined || a === b;
}

function describeClaim({ kind, namespace, name, rule, backend, cluster }: RuleClaim): string {
  if (cluster !== undefined) return `cluster ${cluster}`;
  const where = [`${kind} ${namespace}/${name}`];
  if (rule !== undefined) where.push(`rule ${rule}`);
  if (backend !== undefined) where.push(`backend ${backend}`);
  return where.join(' ');
}
