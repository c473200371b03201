import { Pace, type Steps, stepBytes } from '../../steps.ts';
import { routeTraits } from '../../xds/action-scan.ts';
import { hasUsableEndpoint } from '../../xds/cluster.ts';
import type { ClusterIndex } from '../../xds/cluster-index.ts';
import { MalformedMessageError } from '../../xds/malformed.ts';
import { hashText } from '../../xds/name-hash.ts';
import { leftOutCluster } from '../../xds/names.ts';
import type { RouteColumns } from '../../xds/route-columns.ts';
import { scanRoutes } from '../../xds/route-scan.ts';
import type { Snapshot } from '../../xds/snapshot.ts';
import {
  type ClusterHashes,
  everyRoute,
  RouteSelection,
  type RoutesOfEach,
  type RoutesToRead,
  usesCluster,
  type WantedRoutes,
} from '../route-selection.ts';

const leftOut = hashText(leftOutCluster);

/**
 * Finds the splits that something may leave, as far as the snapshot tells: an entry’s cluster lists no
 * endpoint that takes requests, or Envoy Gateway left a backendRef out. Of the others nothing is said
 * and nothing becomes, when nobody knows more about backendRefs than the snapshot does.
 */
export function findThinSplits(snapshot: Snapshot, clusters: ClusterIndex): Steps<RoutesOfEach> {
  return selectRoutes(snapshot, new ThinSplits(snapshot.known.routes, clusters));
}

/** Finds every split, and routes that are encoded in such a way that they may be one. */
export function findSplits(snapshot: Snapshot): Steps<RoutesOfEach> {
  return selectRoutes(snapshot, new Splits(snapshot.known.routes));
}

class ThinSplits implements WantedRoutes {
  readonly #columns: RouteColumns;
  readonly #dead: ClusterHashes;

  constructor(columns: RouteColumns, clusters: ClusterIndex) {
    this.#columns = columns;
    this.#dead = new ClustersWithoutEndpoints(clusters);
  }

  isWanted(route: number): boolean {
    const isSplit = (this.#columns.traits.at(route) & routeTraits.weighted) !== 0;
    return isSplit && usesCluster(this.#columns, route, this.#dead);
  }
}

/** Those that may list none that takes requests, and what Envoy Gateway has instead of one. */
class ClustersWithoutEndpoints implements ClusterHashes {
  readonly #clusters: ClusterIndex;
  readonly #verdicts = new Map<Uint8Array, boolean>();

  constructor(clusters: ClusterIndex) {
    this.#clusters = clusters;
  }

  has(cluster: number): boolean {
    return cluster === leftOut || this.#clusters.someListing(cluster, mayBeWithout, this.#verdicts);
  }
}

function mayBeWithout(cluster: Uint8Array, verdicts: Map<Uint8Array, boolean>): boolean {
  const verdict = verdicts.get(cluster) ?? mayLackEndpoints(cluster);
  verdicts.set(cluster, verdict);
  return verdict;
}

const mayBeSplit = routeTraits.weighted | routeTraits.odd;

class Splits implements WantedRoutes {
  readonly #columns: RouteColumns;

  constructor(columns: RouteColumns) {
    this.#columns = columns;
  }

  isWanted(route: number): boolean {
    return (this.#columns.traits.at(route) & mayBeSplit) !== 0;
  }
}

/** Selects the routes of a snapshot that are wanted; all of a route configuration that cannot be scanned. */
function* selectRoutes(snapshot: Snapshot, wanted: WantedRoutes): Steps<RoutesOfEach> {
  const selection = new RouteSelection(snapshot.known.routes);
  const selections: (RoutesToRead | undefined)[] = [];
  const pace = new Pace(stepBytes);
  const { routes } = snapshot.resources.lists;
  for (let place = 0; place < routes.length; place++) {
    const value = routes.valueAt(place);
    if (pace.isPauseDue(value.length)) yield;
    snapshot.budget?.spend(value.length);
    const scan = scanRoutes(snapshot, value);
    if (scan === undefined) selections.push(everyRoute);
    else {
      selection.select(scan, wanted);
      selections.push(selection.of(scan));
    }
  }
  return selections;
}

function mayLackEndpoints(cluster: Uint8Array): boolean {
  try {
    return hasUsableEndpoint(cluster) === false;
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
    return true;
  }
}
