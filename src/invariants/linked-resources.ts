import { mapConnectionManagers, routeConfigurationOf } from '../xds/connection-manager.ts';
import { MalformedMessageError } from '../xds/malformed.ts';
import type { ResourceKind } from '../xds/snapshot.ts';
import type { ChangedResource } from './changed-resources.ts';
import { clustersOfChangedRoutes } from './route-configuration.ts';

const nothing = new Uint8Array();

/**
 * The changed resources that have to fall back with those that a violation is in. What hangs together
 * by name was changed together: routes to a cluster that is gone, or half of a fallback, would be worse
 * than none. All of them, where that cannot be read.
 */
export function withLinked(
  changed: readonly ChangedResource[],
  violating: ReadonlySet<ChangedResource>,
): ReadonlySet<ChangedResource> {
  try {
    // What only others call by this name, and nobody changed, ties nothing together.
    const own = new Set(changed.map(ownToken));
    const tokens = changed.map((resource) => {
      const all = [ownToken(resource), ...calledTokens(resource)];
      return [resource, all.filter((token) => own.has(token))] as const;
    });
    return spread(violating, new Map(tokens));
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
    return new Set(changed);
  }
}

function spread(
  from: ReadonlySet<ChangedResource>,
  tokens: ReadonlyMap<ChangedResource, readonly string[]>,
): ReadonlySet<ChangedResource> {
  const reached = new Set(from);
  const reachedTokens = new Set<string>();
  let grows = true;
  while (grows) {
    for (const resource of reached) {
      for (const token of tokens.get(resource) ?? []) reachedTokens.add(token);
    }
    grows = false;
    for (const [resource, its] of tokens) {
      if (reached.has(resource) || !its.some((token) => reachedTokens.has(token))) continue;
      reached.add(resource);
      grows = true;
    }
  }
  return reached;
}

function ownToken({ kind, name }: ChangedResource): string {
  return tokenOf(kind, name);
}

/** What a resource calls by name. Throws MalformedMessageError. */
function calledTokens({ kind, before = nothing, after }: ChangedResource): readonly string[] {
  switch (kind) {
    case 'routes':
      return [...clustersOfChangedRoutes(before, after)].map((name) => tokenOf('clusters', name));
    case 'listeners':
      return [...servedBy(before), ...servedBy(after)].map((name) => tokenOf('routes', name));
    case 'clusters':
    case 'secrets':
      return [];
    default:
      return kind satisfies never;
  }
}

function tokenOf(kind: ResourceKind, name: string): string {
  return `${kind} ${name}`;
}

function servedBy(listener: Uint8Array): readonly string[] {
  const names: string[] = [];
  mapConnectionManagers(listener, (manager) => {
    names.push(routeConfigurationOf(manager));
    return manager;
  });
  return names;
}
