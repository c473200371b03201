import { createHash } from 'node:crypto';
import { appendFields } from '../../xds/append-fields.ts';
import { encodeMessage } from '../../xds/build.ts';
import { encodeField } from '../../xds/encoding.ts';
import type { FieldRef } from '../../xds/field-ref.ts';
import { fields } from '../../xds/fields.ts';
import { editFields, expectAtMostOne, hasField, mapFields, valuesOf } from '../../xds/wire.ts';
import type { SkipReason } from '../report.ts';
import type { ServedRoutes } from './connection-managers.ts';
import {
  effectiveConfigs,
  type ForwardingRoute,
  type Surroundings,
} from './control-plane-index.ts';
import { areEqualConfigs, type FilterConfigs, filterConfigsOf, isEqual } from './filter-configs.ts';
import type { VmRoute } from './find-vm-routes.ts';
import type { ControlPlane } from './settings.ts';

const { Route, RouteAction, WeightedCluster, ClusterWeight } = fields;

/** Why something is left alone. */
export interface Obstacle {
  readonly reason: SkipReason;
  readonly detail: string;
}

/** The way to the control plane, for the routes of one VM route. */
export interface ControlPlaneRoute {
  /** A route that forwards there with its own filters, and leaves the path as it is. */
  readonly template: Uint8Array;
  /** What it leads to, for people. */
  readonly cluster: string;
  /** The cluster to add, when it is one of ours. */
  readonly added?: ControlPlane;
}

/** What a snapshot has of control planes. */
export interface Surveyed {
  readonly forwarding: ReadonlyMap<string, readonly ForwardingRoute[]>;
  readonly served: ServedRoutes;
}

/** Finds the way from a VM’s route to its control plane, authentication included. */
export function findControlPlane(
  vm: VmRoute,
  at: Surroundings,
  surveyed: Surveyed,
): ControlPlaneRoute | Obstacle {
  const { controlPlane } = vm.options;
  if (controlPlane === undefined) {
    return missing('no control plane is configured for it');
  }
  const { cluster } = controlPlane;
  return cluster === undefined
    ? routeToAddress(vm, controlPlane)
    : routeToCluster(cluster, at, surveyed);
}

function missing(detail: string): Obstacle {
  return { reason: 'control-plane-missing', detail };
}

function disputed(detail: string): Obstacle {
  return { reason: 'control-plane-authentication', detail };
}

/** Fields of a RouteAction that change the URL, or would follow another redirect. */
const rewritesPath = [
  RouteAction.prefix_rewrite,
  RouteAction.regex_rewrite,
  RouteAction.path_rewrite_policy,
  RouteAction.path_rewrite,
  RouteAction.internal_redirect_policy,
  RouteAction.internal_redirect_action,
  RouteAction.max_internal_redirects,
];

/** What of a RouteAction is about the VM’s clusters, not about the request. */
const aboutTheVm = [
  ...rewritesPath,
  RouteAction.cluster,
  RouteAction.weighted_clusters,
  RouteAction.cluster_not_found_response_code,
  RouteAction.metadata_match,
  RouteAction.host_rewrite_literal,
  RouteAction.auto_host_rewrite,
  RouteAction.host_rewrite_header,
  RouteAction.host_rewrite_path_regex,
  RouteAction.host_rewrite,
  RouteAction.append_x_forwarded_host,
  RouteAction.retry_policy,
  RouteAction.retry_policy_typed_config,
  RouteAction.hedge_policy,
  RouteAction.hash_policy,
  RouteAction.request_mirror_policies,
];

/** The VM’s own route, with its filters, to another cluster: who gets there passed what it asks. */
function routeToAddress(vm: VmRoute, controlPlane: ControlPlane): ControlPlaneRoute | Obstacle {
  const hasOwnFilters = valuesOf(vm.route, Route.route)
    .flatMap((action) => valuesOf(action, RouteAction.weighted_clusters))
    .flatMap((split) => valuesOf(split, WeightedCluster.clusters))
    .some((entry) => hasField(entry, ClusterWeight.typed_per_filter_config));
  if (hasOwnFilters) {
    return disputed('entries of its split configure filters, which the control plane would lose');
  }
  const cluster = controlPlaneClusterName(controlPlane);
  const headerChanges = [
    Route.request_headers_to_add,
    Route.request_headers_to_remove,
    Route.response_headers_to_add,
    Route.response_headers_to_remove,
  ];
  const template = mapFields(without(vm.route, headerChanges), Route.route, (action) =>
    appendFields(without(action, aboutTheVm), [
      encodeMessage('envoy.config.route.v3.RouteAction', { cluster }),
    ]),
  );
  return { template, cluster, added: controlPlane };
}

/** The name of the cluster of a control plane that is given by its address. */
export function controlPlaneClusterName({ host, port, tls }: ControlPlane): string {
  const text = JSON.stringify([host, port, tls && [tls.sni, tls.caFile]]);
  return `offramp-control-plane-${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
}

/** The route of somebody else to that cluster, the nearest: its filters, its timeouts, its headers. */
function routeToCluster(
  cluster: string,
  at: Surroundings,
  { forwarding, served }: Surveyed,
): ControlPlaneRoute | Obstacle {
  const all = forwarding.get(cluster) ?? [];
  const inHost = all.filter(({ host }) => host === at.host);
  const inConfiguration = all.filter(
    ({ routeConfiguration }) => routeConfiguration === at.routeConfiguration,
  );
  const nearest = [inHost, inConfiguration, all].find((tier) => tier.length > 0) ?? [];
  const [first] = nearest;
  if (first === undefined)
    return missing(`no route of the snapshot forwards to cluster ${cluster}`);
  if (first.ambiguous) {
    const detail = `a field that decoders merge occurs twice in ${first.name}`;
    return { reason: 'ambiguous-encoding', detail };
  }
  const configs = effectiveConfigs(first);
  if (nearest.some((other) => !areEqualConfigs(effectiveConfigs(other), configs))) {
    return disputed(`routes to cluster ${cluster} configure their filters differently`);
  }
  const obstacle = findTransplantObstacle(first, configs, at, served);
  if (obstacle !== undefined) return disputed(obstacle);
  const route = mapFields(first.route, Route.route, (action) => {
    expectAtMostOne(action, RouteAction.cluster);
    return without(action, rewritesPath);
  });
  return { template: withConfigs(route, configs), cluster };
}

/** Why a route’s filters would not be the same elsewhere; undefined when they would. */
function findTransplantObstacle(
  from: ForwardingRoute,
  configs: FilterConfigs,
  to: Surroundings,
  { chains }: ServedRoutes,
): string | undefined {
  if (from.host === to.host) return undefined;
  const inherited = new Map([...to.ofRouteConfiguration, ...to.ofVirtualHost]);
  const more = [...inherited.keys()].find((name) => !configs.has(name));
  if (more !== undefined)
    return `the virtual host configures ${more}, which ${from.name} is without`;
  if (from.routeConfiguration === to.routeConfiguration) return undefined;
  const there = chains.get(from.routeConfiguration) ?? [];
  const here = chains.get(to.routeConfiguration) ?? [];
  for (const name of configs.keys()) {
    const model = there[0]?.httpFilters.get(name);
    const same = [...there, ...here].every(({ httpFilters }) =>
      isEqual(httpFilters.get(name), model),
    );
    if (!same) return `the listeners of ${from.name} have another filter ${name}`;
  }
  // Asked of connections, so a request cannot pass it later.
  const demanded = there.flatMap(({ clientCertificate: one }) => (one === undefined ? [] : [one]));
  const isDemandedHere = demanded.every((one) =>
    here.every(({ clientCertificate }) => isEqual(clientCertificate, one)),
  );
  if (!isDemandedHere) return `the listeners of ${from.name} ask for client certificates`;
  return undefined;
}

/** The route with these configurations of filters, of which it may have some. */
function withConfigs(route: Uint8Array, configs: FilterConfigs): Uint8Array {
  const own = filterConfigsOf(route, Route.typed_per_filter_config);
  const added = [...configs].filter(([name]) => !own.has(name));
  return appendFields(
    route,
    added.map(([, entry]) => encodeField(Route.typed_per_filter_config, entry)),
  );
}

function without(message: Uint8Array, dropped: readonly FieldRef[]): Uint8Array {
  const numbers = new Set(dropped.map(({ number }) => number));
  return editFields(message, ({ number }) => (numbers.has(number) ? 'drop' : 'keep'));
}
