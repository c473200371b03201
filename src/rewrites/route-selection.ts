import type { RouteColumns } from '../xds/route-columns.ts';
import type { RouteScan } from '../xds/route-scan.ts';
import { countResources, type Snapshot } from '../xds/snapshot.ts';

/** Which routes of a route configuration are read: the others stay as they are, whatever they are. */
export interface RoutesToRead {
  /** False when it is known of all virtual hosts that they keep no routes in a matcher tree. */
  readonly mayHaveMatcherTree: boolean;
  /** Whether a virtual host is looked into, by its place. */
  hasHost(host: number): boolean;
  /** Whether a route is read, by its place in the virtual host at this place. */
  hasRoute(host: number, route: number): boolean;
}

export const everyRoute: RoutesToRead = {
  mayHaveMatcherTree: true,
  hasHost: () => true,
  hasRoute: () => true,
};

/** The routes to read of each route configuration of a snapshot, in order; undefined where there are none. */
export type RoutesOfEach = readonly (RoutesToRead | undefined)[];

export function everyRouteOfEach(snapshot: Snapshot): RoutesOfEach {
  return new Array(countResources(snapshot).routes).fill(everyRoute);
}

/** Which routes are wanted, by what scans tell of them. */
export interface WantedRoutes {
  /** By its number. */
  isWanted(route: number, scan: RouteScan): boolean;
}

/** Clusters by the hashes of their names: a Set of these is one. */
export interface ClusterHashes {
  has(cluster: number): boolean;
}

/** Routes of a snapshot, selected by what scans tell of them. */
export class RouteSelection {
  readonly columns: RouteColumns;
  /** By the numbers of routes; shorter than these, where none is selected. */
  #isSelected = new Uint8Array();

  constructor(columns: RouteColumns) {
    this.columns = columns;
  }

  /** Selects the routes of a route configuration that are `wanted` and were not before. */
  select(scan: RouteScan, wanted: WantedRoutes): void {
    for (let route = scan.firstRoute; route < scan.routesEnd; route++) {
      if (!this.has(route) && wanted.isWanted(route, scan)) this.#add(route);
    }
  }

  has(route: number): boolean {
    return this.#isSelected[route] === 1;
  }

  /** Whether one of the routes is selected, by the number of the first and that behind the last. */
  hasAny(from: number, to: number): boolean {
    for (let route = from; route < to; route++) if (this.has(route)) return true;
    return false;
  }

  /** What is to be read of a route configuration; undefined when none of its routes is selected. */
  of(scan: RouteScan): RoutesToRead | undefined {
    return this.hasAny(scan.firstRoute, scan.routesEnd)
      ? new SelectedRoutes(this, scan)
      : undefined;
  }

  #add(route: number): void {
    if (route >= this.#isSelected.length) {
      const isSelected = new Uint8Array(Math.max(2 * route, this.columns.traits.length));
      isSelected.set(this.#isSelected);
      this.#isSelected = isSelected;
    }
    this.#isSelected[route] = 1;
  }
}

/** The selected routes of one route configuration. */
export class SelectedRoutes implements RoutesToRead {
  readonly selection: RouteSelection;
  readonly scan: RouteScan;

  constructor(selection: RouteSelection, scan: RouteScan) {
    this.selection = selection;
    this.scan = scan;
  }

  get mayHaveMatcherTree(): boolean {
    return this.scan.hasMatcherTree;
  }

  hasHost(host: number): boolean {
    const { firstHost, hasMatcherTree } = this.scan;
    const { columns } = this.selection;
    const from = columns.firstRouteOf(firstHost + host);
    return (
      hasMatcherTree || this.selection.hasAny(from, columns.firstRouteOf(firstHost + host + 1))
    );
  }

  hasRoute(host: number, route: number): boolean {
    const { columns } = this.selection;
    return this.selection.has(columns.firstRouteOf(this.scan.firstHost + host) + route);
  }
}

/** Whether a route names one of these clusters. */
export function usesCluster(
  columns: RouteColumns,
  route: number,
  clusters: ClusterHashes,
): boolean {
  const end = columns.firstClusterOf(route + 1);
  for (let at = columns.firstClusterOf(route); at < end; at++) {
    if (clusters.has(columns.clusters.at(at))) return true;
  }
  return false;
}
