import { fields } from '../../xds/fields.ts';
import { readAction, readRoute } from '../../xds/route.ts';
import { mapResources, type Snapshot } from '../../xds/snapshot.ts';
import { forEachField, stringOf } from '../../xds/wire.ts';
import type { ReportBuilder } from '../report-builder.ts';
import { type FilterConfigs, filterConfigsOf } from './filter-configs.ts';
import { isFallbackRouteName } from './own-routes.ts';

const { RouteConfiguration, VirtualHost, Route } = fields;

/** Where a route is, and what holds there for the filters of all routes. */
export interface Surroundings {
  readonly routeConfiguration: string;
  /** Place of the virtual host in the snapshot; equal only for the same one. */
  readonly host: string;
  readonly ofRouteConfiguration: FilterConfigs;
  readonly ofVirtualHost: FilterConfigs;
}

/** A route that forwards to one cluster. */
export interface ForwardingRoute extends Surroundings {
  readonly route: Uint8Array;
  readonly name: string;
  readonly ambiguous: boolean;
}

/** Visits each virtual host of a route configuration, with what surrounds its routes. */
export function forEachHost(
  routeConfiguration: Uint8Array,
  index: number,
  visit: (virtualHost: Uint8Array, at: Surroundings) => void,
): void {
  const name = stringOf(routeConfiguration, RouteConfiguration.name);
  const { typed_per_filter_config: configs } = RouteConfiguration;
  const ofRouteConfiguration = filterConfigsOf(routeConfiguration, configs);
  forEachField(routeConfiguration, RouteConfiguration.virtual_hosts, (virtualHost, at) => {
    visit(virtualHost, {
      routeConfiguration: name,
      host: `${index}/${at}`,
      ofRouteConfiguration,
      ofVirtualHost: filterConfigsOf(virtualHost, VirtualHost.typed_per_filter_config),
    });
  });
}

/** The routes of a snapshot that forward to one cluster, by its name; those of our own are left out. */
export function indexForwardingRoutes(
  snapshot: Snapshot,
  report: ReportBuilder,
): ReadonlyMap<string, readonly ForwardingRoute[]> {
  const index = new Map<string, ForwardingRoute[]>();
  const look = (routeConfiguration: Uint8Array, place: number) => {
    forEachHost(routeConfiguration, place, (virtualHost, at) => {
      forEachField(virtualHost, VirtualHost.routes, (route) => note(route, at));
    });
    return routeConfiguration;
  };
  mapResources(snapshot, 'routes', { rewrite: look, unreadable: report.unreadable });
  return index;

  function note(route: Uint8Array, at: Surroundings): void {
    const { name, action, matchesConnect, ambiguous } = readRoute(route);
    if (action === undefined || matchesConnect || isFallbackRouteName(name)) return;
    const { destination } = readAction(action);
    if (destination.kind !== 'cluster') return;
    const others = index.get(destination.cluster) ?? [];
    index.set(destination.cluster, [...others, { ...at, route, name, ambiguous }]);
  }
}

/** The filter configurations that count for a route, the nearest of each filter. */
export function effectiveConfigs(found: ForwardingRoute): FilterConfigs {
  return new Map([
    ...found.ofRouteConfiguration,
    ...found.ofVirtualHost,
    ...filterConfigsOf(found.route, Route.typed_per_filter_config),
  ]);
}
