import type { ApiServer } from './api-server.ts';
import { readConnectorStatus } from './connector-status.ts';
import { readHttpProxy } from './http-proxy.ts';
import type { InformerOptions } from './informers.ts';
import type { KubernetesView } from './kubernetes-view.ts';
import { polledFeed, watchedFeed } from './object-feed.ts';
import { connectors, httpProxies, namespaces, type Resource } from './resources.ts';
import { readNamespaceOrigin } from './upstream-namespace.ts';

/** Where the kinds go. */
export interface StateKinds {
  readonly api: ApiServer;
  /** Namespaces to read; none: all. */
  readonly namespaces: readonly string[];
  readonly view: KubernetesView;
}

/** Every kind of object that tells of connectors, each with the way it takes into the view. */
export function forEachStateKind(
  { api, namespaces: named, view }: StateKinds,
  visit: <T>(kind: InformerOptions<T>) => void,
): void {
  for (const namespace of named.length === 0 ? [undefined] : named) {
    const forbidden = new Set<Resource>();
    const options = (resource: Resource) => ({
      feed: watchedFeed(api, { resource, namespace }),
      withoutIt: 'no connector is answered or tunnelled until it is',
      // A connector that may not be read is not a missing one: nothing is claimed then.
      allowed: (allowed: boolean) => {
        if (allowed) forbidden.delete(resource);
        else forbidden.add(resource);
        view.setKnown(namespace, forbidden.size === 0);
      },
    });
    visit({
      ...options(httpProxies),
      read: readHttpProxy,
      changed: (within, name, proxy) => view.setProxy(within, name, proxy),
    });
    visit({
      ...options(connectors),
      read: readConnectorStatus,
      changed: (within, name, status) => view.setConnector(within, name, status),
    });
  }
  visit({
    feed:
      named.length === 0
        ? watchedFeed(api, { resource: namespaces })
        : polledFeed(api, namespaces, named),
    read: readNamespaceOrigin,
    changed: (_none, name, origin) => view.setNamespace(name, origin),
    withoutIt: 'replicas of an upstream namespace are not recognised as such',
  });
}
