import { readClusterName } from '../xds/cluster.ts';
import { MalformedMessageError } from '../xds/malformed.ts';
import type { Snapshot } from '../xds/snapshot.ts';
import { type ChangedResource, nameOf } from './changed-resources.ts';
import { findClusterViolations, findListenerViolations } from './filters.ts';
import { findRouteViolations } from './route-configuration.ts';
import { introduced, type Violation } from './violation.ts';

/** A changed resource that Envoy would not take, and why. */
export interface FoundViolation extends Violation {
  readonly resource: ChangedResource;
}

const nothing = new Uint8Array();

/** Looks through the resources that a rewrite changed, and at no other: these came from Envoy Gateway. */
export function findViolations(
  changed: readonly ChangedResource[],
  after: Snapshot,
): readonly FoundViolation[] {
  const clusters = new ClusterNames(after);
  return changed.flatMap((resource) => {
    const violations = [
      ...nameViolations(resource, clusters),
      ...introduced(readableViolations(resource, clusters), () =>
        readableViolations({ ...resource, after: resource.before ?? nothing }, clusters),
      ),
    ];
    return violations.map((violation) => ({ ...violation, resource }));
  });
}

function readableViolations(
  { kind, before = nothing, after }: ChangedResource,
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
  { kind, name, before, after }: ChangedResource,
  clusters: ClusterNames,
): readonly Violation[] {
  const now = nameOf(kind, after);
  if (now === undefined) return [];
  if (before !== undefined && nameOf(kind, before) !== now) {
    return [{ reason: 'invariant-name', detail: `it is called ${now} now` }];
  }
  if (before === undefined && kind === 'clusters' && clusters.isRepeated(name)) {
    return [{ reason: 'invariant-name', detail: `there is a cluster ${name} already` }];
  }
  return [];
}

/** The names of a snapshot's clusters; read when somebody asks, which only few rewrites make happen. */
class ClusterNames {
  readonly #snapshot: Snapshot;
  #counts: ReadonlyMap<string, number> | undefined;

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot;
  }

  /** Whether no cluster has this name. In a snapshot without clusters nobody knows. */
  readonly isMissing = (name: string): boolean => {
    const counts = this.#read();
    return counts.size > 0 && !counts.has(name);
  };

  isRepeated(name: string): boolean {
    return (this.#read().get(name) ?? 0) > 1;
  }

  #read(): ReadonlyMap<string, number> {
    this.#counts ??= countNames(this.#snapshot);
    return this.#counts;
  }
}

function countNames({ resources }: Snapshot): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { kind, value } of resources) {
    if (kind !== 'clusters') continue;
    try {
      const name = readClusterName(value);
      counts.set(name, (counts.get(name) ?? 0) + 1);
    } catch (error) {
      if (!(error instanceof MalformedMessageError)) throw error;
    }
  }
  return counts;
}
