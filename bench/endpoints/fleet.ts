import { stampPolicies } from '../../src/policy/stamp-policies.ts';
import type { BackendRefView } from '../../src/state/kubernetes/backend-refs/backend-ref-view.ts';
import {
  readEndpointCounts,
  readRouteRules,
  readServicePorts,
} from '../../src/state/kubernetes/backend-refs/objects.ts';
import { encodeField, encodeString } from '../../src/xds/encoding.ts';
import { fields } from '../../src/xds/fields.ts';
import { mapFields } from '../../src/xds/wire.ts';
import { endpointsRequest } from '../../test/support/assignments.ts';
import { encodeRequest, encodeXds } from '../../test/support/xds.ts';

/** Every tenth canary has no ready endpoint, and leaves. */
const isDrained = (route: number): boolean => route % 10 === 0;
const endpointsPerService = 3;
const draining = 3;
const weights = [90, 10] as const;

/** What Envoy Gateway sends in one translation. */
export interface Translation {
  /** PostRouteModify requests, one for each route with a policy. */
  readonly routes: readonly Uint8Array[];
  /** PostEndpointsModify requests, one for each cluster. */
  readonly endpoints: readonly Uint8Array[];
  readonly snapshot: Uint8Array;
  /** The same snapshot with what the answers to `routes` are. */
  readonly policiedSnapshot: Uint8Array;
}

/**
 * A Gateway with so many EDS clusters: each route splits between two Services, each with a cluster of
 * its own and three endpoints.
 */
export function makeTranslation(clusters: number): Translation {
  const routes = indexes(clusters / 2);
  const names = routes.flatMap((route) => weights.map((_, backend) => clusterName(route, backend)));
  const snapshot = encodeRequest({
    clusters: names.map(edsCluster),
    routes: [{ name: 'shop/eg/http', virtual_hosts: routes.map(virtualHost) }],
  });
  const policied = routes.map(policiedRoute);
  return {
    routes: policied,
    endpoints: routes.flatMap((route) =>
      weights.map((_, backend) => endpointsRequest(makeAssignment(route, backend))),
    ),
    snapshot,
    policiedSnapshot: withRoutes(snapshot, policied.map(stampPolicies)),
  };
}

/** The snapshot with one route in each virtual host, in their order. */
function withRoutes(snapshot: Uint8Array, routes: readonly (Uint8Array | undefined)[]): Uint8Array {
  const { PostTranslateModifyRequest, RouteConfiguration, VirtualHost } = fields;
  return mapFields(snapshot, PostTranslateModifyRequest.routes, (configuration) =>
    mapFields(configuration, RouteConfiguration.virtual_hosts, (host, index) =>
      mapFields(host, VirtualHost.routes, (route) => routes[index] ?? route),
    ),
  );
}

/** Puts the objects that the same routes come from into a view, as the Kubernetes API tells of them. */
export function fillView(view: BackendRefView, clusters: number): void {
  for (const route of indexes(clusters / 2)) {
    const backendRefs = weights.map((weight, backend) => {
      const name = `s${route}-${backend}`;
      view.services.set('shop', name, readServicePorts({ spec: { ports: [{ port: 80 }] } }));
      view.setSlice('shop', `${name}-0`, readEndpointCounts(slice(route, backend)));
      return { name, port: 80, weight };
    });
    const spec = { rules: [{ backendRefs }] };
    view.httpRoutes.set('shop', `r${route}`, readRouteRules({ metadata, spec }));
  }
}

const metadata = { namespace: 'shop' };

function indexes(count: number): number[] {
  return Array.from({ length: Math.floor(count) }, (_, index) => index);
}

function clusterName(route: number, backend: number): string {
  return `httproute/shop/r${route}/rule/0/backend/${backend}`;
}

function edsCluster(name: string) {
  return {
    name,
    type: 'EDS',
    eds_cluster_config: { eds_config: { ads: {}, resource_api_version: 'V3' }, service_name: name },
    connect_timeout: { seconds: 10 },
    common_lb_config: {},
  };
}

function gatewayMetadata(kind: string, name: string) {
  const resources = [{ kind, namespace: 'shop', name }];
  return { filter_metadata: { 'envoy-gateway': { resources } } };
}

function makeRoute(route: number) {
  const clusters = weights.map((value, backend) => ({
    name: clusterName(route, backend),
    weight: { value },
  }));
  return {
    name: `httproute/shop/r${route}/rule/0/match/0/r${route}_example_com`,
    match: { prefix: '/' },
    route: {
      weighted_clusters: { clusters },
      upgrade_configs: [{ upgrade_type: 'websocket' }],
    },
    metadata: gatewayMetadata('HTTPRoute', `r${route}`),
  };
}

function virtualHost(route: number) {
  return {
    name: `shop/eg/http/r${route}_example_com`,
    domains: [`r${route}.example.com`],
    metadata: gatewayMetadata('Gateway', 'eg'),
    routes: [makeRoute(route)],
  };
}

function isReady(route: number, backend: number): boolean {
  return backend === 0 || !isDrained(route);
}

/** As Envoy Gateway makes it for a Service: the backendRef as region, and its object as metadata. */
function makeAssignment(route: number, backend: number): object {
  const name = clusterName(route, backend);
  const lbEndpoints = indexes(endpointsPerService).map((index) => ({
    endpoint: {
      address: {
        socket_address: { address: `10.${route >> 8}.${route & 255}.${index}`, port_value: 8080 },
      },
    },
    load_balancing_weight: { value: 1 },
    ...(isReady(route, backend) ? {} : { health_status: draining }),
  }));
  return {
    cluster_name: name,
    endpoints: [
      {
        locality: { region: name },
        lb_endpoints: lbEndpoints,
        load_balancing_weight: { value: weights[backend] ?? 1 },
        metadata: gatewayMetadata('Service', `s${route}-${backend}`),
      },
    ],
  };
}

function slice(route: number, backend: number): object {
  const ready = isReady(route, backend);
  return {
    metadata: { labels: { 'kubernetes.io/service-name': `s${route}-${backend}` } },
    ports: [{ name: '' }],
    endpoints: indexes(endpointsPerService).map((index) => ({
      addresses: [`10.${route >> 8}.${route & 255}.${index}`],
      conditions: { ready, serving: ready, terminating: false },
    })),
  };
}

function policiedRoute(route: number): Uint8Array {
  const { PostRouteModifyRequest, PostRouteExtensionContext, ExtensionResource } = fields;
  const name = `r${route}`;
  const policy = JSON.stringify({
    apiVersion: 'offramp.dev/v1alpha1',
    kind: 'OfframpPolicy',
    metadata: { namespace: 'shop', name, creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: {
      targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name }],
      emptyBackends: { mode: 'Rebalance' },
    },
    status: { ancestors: [] },
  });
  const resource = encodeField(ExtensionResource.unstructured_bytes, encodeString(policy));
  const context = encodeField(PostRouteExtensionContext.extension_policies, resource);
  return Buffer.concat([
    encodeField(
      PostRouteModifyRequest.route,
      encodeXds('envoy.config.route.v3.Route', makeRoute(route)),
    ),
    encodeField(PostRouteModifyRequest.post_route_context, context),
  ]);
}
