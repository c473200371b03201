import { Pace, type Steps, stepBytes } from '../steps.ts';
import { readClusterName } from '../xds/cluster.ts';
import { releaseSpareReaders } from '../xds/field-reader.ts';
import { MalformedMessageError } from '../xds/malformed.ts';
import type { ResourceKind, Snapshot } from '../xds/snapshot.ts';
import { type ChangedResource, isRenamed, nameOf } from './changed-resources.ts';
import { findClusterViolations, findListenerViolations } from './filters.ts';
import { clustersOf, findRouteViolations } from './route-configuration.ts';
import { introduced, type Violation } from './violation.ts';

/** A changed resource that Envoy would not take, and why. */
export interface FoundViolation extends Violation {
  readonly resource: ChangedResource;
}

const nothing = new Uint8Array();

/** Looks through the resources that a rewrite changed, and at no other: these came from Envoy Gateway. */
export function* findViolations(
  changed: readonly ChangedResource[],
  before: Snapshot,
  after: Snapshot,
): Steps<readonly FoundViolation[]> {
  const clusters = new ClusterNames(before, after);
  const found: FoundViolation[] = [];
  const pace = new Pace(stepBytes);
  try {
    for (const resource of changed) {
      if (pace.isPauseDue(resource.after.length)) yield;
      after.budget?.spend(resource.after.length);
      for (const violation of violationsOf(resource, clusters))
        found.push({ ...violation, resource });
    }
  } finally {
    releaseSpareReaders();
  }
  return found;
}

function violationsOf(resource: ChangedResource, clusters: ClusterNames): readonly Violation[] {
  const { kind, before = nothing, after } = resource;
  const now = readableViolations(kind, before, after, clusters);
  const inside =
    now.length === 0
      ? now
      : introduced(now, () => readableViolations(kind, before, before, clusters));
  const names = nameViolations(resource, clusters);
  return names.length === 0 ? inside : [...names, ...inside];
}

function readableViolations(
  kind: ResourceKind,
  before: Uint8Array,
  after: Uint8Array,
  clusters: ClusterNames,
): readonly Violation[] {
  try {
    switch (kind) {
      case 'routes':
        return findRouteViolations(before, after, clusters.isMissing);
      case 'listeners':
        return findListenerViolations(before, after);
      case 'clusters':
        return findClusterViolations(before, after);
      case 'secrets':
        return [];
      default:
        return kind satisfies never;
    }
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
    return [{ reason: 'invariant-unreadable', detail: error.message }];
  }
}

/** By its name others ask for a resource; a rewrite that changed it would cut them off. */
function nameViolations(
  { kind, before, after }: ChangedResource,
  clusters: ClusterNames,
): readonly Violation[] {
  if (before !== undefined && !isRenamed(kind, before, after)) return [];
  const now = nameOf(kind, after);
  if (now === undefined) return [];
  if (before !== undefined) {
    return [{ reason: 'invariant-name', detail: `it is called ${now} now` }];
  }
  if (kind === 'clusters' && clusters.isRepeated(now)) {
    return [{ reason: 'invariant-name', detail: `there is a cluster ${now} already` }];
  }
  return [];
}

/** The names of a snapshot's clusters; read when somebody asks, which only few rewrites make happen. */
class ClusterNames {
  readonly #before: Snapshot;
  readonly #after: Snapshot;
  #counts: ReadonlyMap<string, number> | undefined;
  #named: ReadonlySet<string> | undefined;

  constructor(before: Snapshot, after: Snapshot) {
    this.#before = before;
    this.#after = after;
  }

  /**
   * Whether no cluster has this name, and no route led to it before: a copy of one may. In a snapshot
   * without clusters nobody knows.
   */
  readonly isMissing = (name: string): boolean => {
    const counts = this.#read();
    if (counts.size === 0 || counts.has(name)) return false;
    this.#named ??= clustersNamedBy(this.#before);
    return !this.#named.has(name);
  };

  isRepeated(name: string): boolean {
    return (this.#read().get(name) ?? 0) > 1;
  }

  #read(): ReadonlyMap<string, number> {
    this.#counts ??= countNames(this.#after);
    return this.#counts;
  }
}

function clustersNamedBy({ resources }: Snapshot): ReadonlySet<string> {
  const named = new Set<string>();
  for (const value of resources.lists.routes) {
    try {
      for (const cluster of clustersOf(value)) named.add(cluster);
    } catch (error) {
      if (!(error instanceof MalformedMessageError)) throw error;
    }
  }
  return named;
}

function countNames({ resources }: Snapshot): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const value of resources.lists.clusters) {
    try {
      const name = readClusterName(value);
      counts.set(name, (counts.get(name) ?? 0) + 1);
    } catch (error) {
      if (!(error instanceof MalformedMessageError)) throw error;
    }
  }
  return counts;
}
