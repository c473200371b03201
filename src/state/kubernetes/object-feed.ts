import { setTimeout } from 'node:timers/promises';
import type { AcceptedWatch, ApiServer, Scope } from './api-server.ts';
import { ApiServerError } from './api-transport.ts';
import { type Resource, resourceName, resourcePath } from './resources.ts';
import type { WatchEvent } from './watch-stream.ts';

/** Where objects come from: all of them first, then what changes. Throws ApiServerError. */
export interface ObjectFeed {
  /** The kind that it reads; `title` is that with the namespace when it is only one. */
  readonly kind: string;
  readonly title: string;
  /** The verbs and the resource that RBAC has to allow. */
  readonly permission: string;
  /** Hands over every object; answers the version to watch from. */
  list(receive: (object: unknown) => void): Promise<string>;
  /** Resolves when changes since that version begin to come. */
  watch(version: string, receive: (event: WatchEvent) => void): Promise<FollowedWatch>;
}

/** `ended` says how to go on: by another watch, or by a list. */
export interface FollowedWatch {
  readonly ended: Promise<'watch' | 'list'>;
}

/** A kind's objects, in one namespace or in all, by list and watch. */
export function watchedFeed(api: ApiServer, scope: Scope): ObjectFeed {
  const { resource, namespace } = scope;
  const where = namespace === undefined ? '' : ` in namespace ${namespace}`;
  return {
    kind: resource.kind,
    title: `${resource.kind}${where}`,
    permission: `list and watch ${resourceName(resource)}${where}`,
    list: (receive) => api.list(scope, receive),
    async watch(version, receive) {
      const { ended }: AcceptedWatch = await api.watch(scope, version, receive);
      return { ended: ended.then(() => 'watch') };
    },
  };
}

/** Milliseconds between two looks at objects that may only be got by name. */
const pollInterval = 5_000;

/**
 * Cluster-wide objects by their names, got one by one again and again: a Role in a namespace can
 * allow that for the Namespace itself, while list and watch need a ClusterRole.
 */
export function polledFeed(
  api: ApiServer,
  resource: Resource,
  names: readonly string[],
): ObjectFeed {
  return {
    kind: resource.kind,
    title: resource.kind,
    permission: `get ${resourceName(resource)} ${names.join(', ')}`,
    async list(receive) {
      for (const name of names) {
        const object = await api.get(resourcePath(resource, undefined, name)).catch(orNothing);
        if (object !== undefined) receive(object);
      }
      return '';
    },
    async watch() {
      return { ended: setTimeout(pollInterval, 'list', { ref: false }) };
    },
  };
}

function orNothing(error: unknown): undefined {
  if (error instanceof ApiServerError && error.status === 404) return;
  throw error;
}
