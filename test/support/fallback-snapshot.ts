import { configSchema } from '../../src/config/schema.ts';
import { rewriteControlPlaneFallback } from '../../src/rewrites/control-plane-fallback.ts';
import { noBackendRefs } from '../../src/state/backend-refs.ts';
import { ConnectorView } from '../../src/state/connectors.ts';
import type { Snapshot } from '../../src/xds/snapshot.ts';

const state = { connectors: ConnectorView.empty, backendRefs: noBackendRefs };

/** A control plane that is given by its address. */
export const address = { host: '127.0.0.1', port: 8080 };

/** A configuration with these options of `controlPlaneFallback`. */
export const settingsOf = (fallback: object) =>
  configSchema.parse({ controlPlaneFallback: fallback });

/** No route is opted in. */
export const noRoute = settingsOf({ controlPlane: address });

/** The route of `vmSnapshot` is opted in. */
export const vmOptedIn = settingsOf({ routes: [{ name: 'vm' }], controlPlane: address });

/** What the rewrite alone makes of a snapshot. */
export const addFallback = (snapshot: Snapshot, settings: ReturnType<typeof settingsOf>) =>
  rewriteControlPlaneFallback(snapshot, state, settings);

const manager = {
  '@type': 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
  rds: { route_config_name: 'default/eg/http', config_source: { ads: {} } },
  http_filters: [{ name: 'envoy.filters.http.router' }],
};
const listener = {
  name: 'default/eg/http',
  default_filter_chain: { filters: [{ name: 'http', typed_config: manager }] },
};
const inGateway = (kind: string, name: string, sectionName: string) => ({
  filter_metadata: {
    'envoy-gateway': { resources: [{ kind, namespace: 'default', name, sectionName }] },
  },
});
/** The only route of `vmSnapshot`. */
export const vmRoute = {
  name: 'httproute/default/vm/rule/0/match/0/example_com',
  match: { prefix: '/' },
  route: { cluster: 'httproute/default/vm/rule/0' },
  metadata: inGateway('HTTPRoute', 'vm', ''),
};
/** One listener with one route, of HTTPRoute default/vm. */
export const vmSnapshot = {
  clusters: [{ name: 'httproute/default/vm/rule/0' }],
  listeners: [listener],
  routes: [
    {
      name: 'default/eg/http',
      virtual_hosts: [
        {
          name: 'default/eg/http/example_com',
          domains: ['*'],
          metadata: inGateway('Gateway', 'eg', 'http'),
          routes: [vmRoute],
        },
      ],
    },
  ],
};
