import type { ApiServer } from '../api-server.ts';
import type { InformerOptions } from '../informers.ts';
import { watchedFeed } from '../object-feed.ts';
import {
  backends,
  endpointSlices,
  grpcRoutes,
  httpRoutes,
  type Resource,
  referenceGrants,
  serviceImports,
  services,
} from '../resources.ts';
import type { BackendRefView } from './backend-ref-view.ts';
import {
  readBackendKind,
  readEndpointCounts,
  readGrants,
  readRouteRules,
  readServicePorts,
} from './objects.ts';

/** Where the kinds go. */
export interface BackendRefKinds {
  readonly api: ApiServer;
  /** Namespaces to read; none: all. */
  readonly namespaces: readonly string[];
  /** Whether to read EndpointSlices, too. */
  readonly countsEndpoints: boolean;
  readonly view: BackendRefView;
}

/** Every kind of object that tells what is behind backendRefs, each with the way into the view. */
export function forEachBackendRefKind(
  { api, namespaces, countsEndpoints, view }: BackendRefKinds,
  visit: <T>(kind: InformerOptions<T>) => void,
): void {
  for (const namespace of namespaces.length === 0 ? [undefined] : namespaces) {
    const options = (resource: Resource) => ({
      feed: watchedFeed(api, { resource, namespace }),
      isOptional: true,
      withoutIt: 'no backendRef is told empty by it, unless the snapshot itself shows it',
      // What may not be read is not taken for absent: nothing is known then.
      allowed: (allowed: boolean) =>
        view.setKnown(`${resource.plural} ${namespace ?? ''}`, allowed),
    });
    visit({ ...options(httpRoutes), read: readRouteRules, changed: view.httpRoutes.set });
    visit({
      ...options(grpcRoutes),
      read: readRouteRules,
      changed: view.grpcRoutes.set,
    });
    visit({ ...options(services), read: readServicePorts, changed: view.services.set });
    visit({
      ...options(serviceImports),
      read: readServicePorts,
      changed: view.serviceImports.set,
    });
    visit({
      ...options(backends),
      read: readBackendKind,
      changed: view.backends.set,
    });
    if (countsEndpoints) {
      visit({
        ...options(endpointSlices),
        read: readEndpointCounts,
        changed: (within, name, slice) => view.setSlice(within, name, slice),
      });
    }
    visit({
      ...options(referenceGrants),
      read: readGrants,
      changed: (within, name, grants) => view.setGrants(within, name, grants),
    });
  }
}
