import { Column } from './column.ts';

/** How far the columns reach. */
export interface Extent {
  readonly hosts: number;
  readonly routes: number;
  readonly clusters: number;
}

/**
 * What scans tell of a snapshot’s route configurations, by the hashes of names (`hashName`): enough to
 * tell which routes a rewrite has to read. Virtual hosts and routes are numbered through all of them, in
 * the order they were scanned.
 */
export class RouteColumns {
  /** Of each virtual host the route configuration that it is in, and where its name is there. */
  readonly configurations: Uint8Array[] = [];
  readonly hostNameStarts = new Column();
  readonly hostNameEnds = new Column();
  /** Of each virtual host the number of the route behind its last one. */
  readonly #routeEnds = new Column();

  /** Of each route: what it does, a sum of `routeTraits`. */
  readonly traits = new Column();
  /** Of each route the object that it says it is from (`hashObject`), and that object's name alone. */
  readonly objects = new Column();
  readonly names = new Column();
  /** Of each route where its own name is in its route configuration. */
  readonly routeNameStarts = new Column();
  readonly routeNameEnds = new Column();
  /** Of each route where its field is in its route configuration. */
  readonly routeStarts = new Column();
  readonly routeFieldEnds = new Column();
  /** Of each route the place behind its last cluster. */
  readonly #clusterEnds = new Column();

  /** Every cluster that a route's action names: destination, entries of its split, mirrors. */
  readonly clusters = new Column();

  /** The number of a virtual host’s first route; of the host behind the last one, how many there are. */
  firstRouteOf(host: number): number {
    return host === 0 ? 0 : this.#routeEnds.at(host - 1);
  }

  /** The place of a route’s first cluster; of the route behind the last one, how many there are. */
  firstClusterOf(route: number): number {
    return route === 0 ? 0 : this.#clusterEnds.at(route - 1);
  }

  /** Ends a virtual host: the routes since the one before it are its own. */
  endHost(configuration: Uint8Array, nameFrom: number, nameTo: number): void {
    this.configurations.push(configuration);
    this.hostNameStarts.push(nameFrom);
    this.hostNameEnds.push(nameTo);
    this.#routeEnds.push(this.traits.length);
  }

  /** Ends a route: the clusters since the one before it are its own. Its object follows. */
  endRoute(traits: number, nameFrom: number, nameTo: number): void {
    this.traits.push(traits);
    this.routeNameStarts.push(nameFrom);
    this.routeNameEnds.push(nameTo);
    this.#clusterEnds.push(this.clusters.length);
  }

  /** Says where the route that was ended last is. */
  placeRoute(start: number, end: number): void {
    this.routeStarts.push(start);
    this.routeFieldEnds.push(end);
  }

  addObject(object: number, name: number): void {
    this.objects.push(object);
    this.names.push(name);
  }

  extent(): Extent {
    return {
      hosts: this.configurations.length,
      routes: this.traits.length,
      clusters: this.clusters.length,
    };
  }

  /** Forgets what came later than that. */
  truncate({ hosts, routes, clusters }: Extent): void {
    this.configurations.length = hosts;
    for (const one of [this.hostNameStarts, this.hostNameEnds, this.#routeEnds])
      one.truncate(hosts);
    for (const one of [this.traits, this.objects, this.names]) one.truncate(routes);
    this.routeNameStarts.truncate(routes);
    this.routeNameEnds.truncate(routes);
    for (const one of [this.routeStarts, this.routeFieldEnds]) one.truncate(routes);
    this.#clusterEnds.truncate(routes);
    this.clusters.truncate(clusters);
  }
}
