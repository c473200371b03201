import type { FieldRef } from './field-ref.ts';
import { fields } from './fields.ts';
import type { ResourceKind } from './snapshot.ts';

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
