import type { FieldRef } from './field-ref.ts';
import { fields } from './fields.ts';
import type { Resource, ResourceKind } from './snapshot.ts';

const requestFields = fields.PostTranslateModifyRequest;

/** The fields of the hook's request that have the lists of a snapshot. */
export const listFields = {
  clusters: requestFields.clusters,
  secrets: requestFields.secrets,
  listeners: requestFields.listeners,
  routes: requestFields.routes,
} as const satisfies Record<string, FieldRef>;

/** The list that a field of the request belongs to, by its number. */
export function kindOf(number: number): ResourceKind | undefined {
  switch (number) {
    case listFields.clusters.number:
      return 'clusters';
    case listFields.secrets.number:
      return 'secrets';
    case listFields.listeners.number:
      return 'listeners';
    case listFields.routes.number:
      return 'routes';
    default:
      return undefined;
  }
}

/** Where in the resources of a snapshot one of its lists is. Between them may be others, but Envoy Gateway mixes none. */
export class List {
  /** The place of the first. */
  from = 0;
  /** The place behind the last. */
  to = 0;
  count = 0;

  add(place: number): void {
    if (this.count === 0) this.from = place;
    this.to = place + 1;
    this.count++;
  }
}

/** Where all lists are in some resources. */
export interface Lists extends Readonly<Record<ResourceKind, Readonly<List>>> {
  readonly of: readonly Resource[];
}

/** Finds where resources have each list. */
export function findLists(of: readonly Resource[]): Lists {
  const lists = {
    of,
    clusters: new List(),
    secrets: new List(),
    listeners: new List(),
    routes: new List(),
  };
  let kind: ResourceKind = 'clusters';
  let list = lists.clusters;
  for (let place = 0; place < of.length; place++) {
    const resource = of[place];
    if (resource === undefined) continue;
    if (resource.kind !== kind) {
      kind = resource.kind;
      list = lists[kind];
    }
    list.add(place);
  }
  return lists;
}
