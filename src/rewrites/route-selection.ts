import type { RouteScan } from '../xds/route-scan.ts';

/** Which routes of a route configuration are read: the others stay as they are, whatever they are. */
export interface RoutesToRead {
  /** Whether a virtual host is looked into, by its place. */
  hasHost(host: number): boolean;
  /** Whether a route is read, by its place in the virtual host at this place. */
  hasRoute(host: number, route: number): boolean;
}

export const everyRoute: RoutesToRead = { hasHost: () => true, hasRoute: () => true };

/** Routes of one route configuration, selected by what a scan of it tells. */
export class RouteSelection implements RoutesToRead {
  readonly scan: RouteScan;
  readonly #isSelected: Uint8Array;
  #isEmpty = true;

  constructor(scan: RouteScan) {
    this.scan = scan;
    this.#isSelected = new Uint8Array(scan.traits.length);
  }

  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  /** Selects the routes, by their numbers in the scan, that are `wanted` and were not before. */
  select(wanted: (scan: RouteScan, route: number) => boolean): void {
    for (let route = 0; route < this.#isSelected.length; route++) {
      if (this.#isSelected[route] === 1 || !wanted(this.scan, route)) continue;
      this.#isSelected[route] = 1;
      this.#isEmpty = false;
    }
  }

  hasHost(host: number): boolean {
    const { firstRoutes, hasMatcherTree } = this.scan;
    const at = this.#isSelected.indexOf(1, firstRoutes[host]);
    return hasMatcherTree || (at !== -1 && at < (firstRoutes[host + 1] ?? 0));
  }

  hasRoute(host: number, route: number): boolean {
    return this.#isSelected[(this.scan.firstRoutes[host] ?? 0) + route] === 1;
  }
}

/** Whether a route names a cluster whose hash is `wanted`. */
export function usesCluster(
  { firstClusters, clusters }: RouteScan,
  route: number,
  wanted: (cluster: number) => boolean,
): boolean {
  const end = firstClusters[route + 1] ?? 0;
  for (let at = firstClusters[route] ?? 0; at < end; at++) {
    if (wanted(clusters[at] ?? 0)) return true;
  }
  return false;
}
