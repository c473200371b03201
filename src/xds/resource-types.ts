import type { ResourceKind } from './snapshot.ts';

/** Full name of the message in each list of a snapshot. */
export const resourceTypes = {
  clusters: 'envoy.config.cluster.v3.Cluster',
  secrets: 'envoy.extensions.transport_sockets.tls.v3.Secret',
  listeners: 'envoy.config.listener.v3.Listener',
  routes: 'envoy.config.route.v3.RouteConfiguration',
} as const satisfies Record<ResourceKind, string>;
