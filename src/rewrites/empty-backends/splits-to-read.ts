import { Pace, type Steps, stepBytes } from '../../steps.ts';
import { routeTraits } from '../../xds/action-scan.ts';
import { hasUsableEndpoint } from '../../xds/cluster.ts';
import type { ClusterIndex } from '../../xds/cluster-index.ts';
import { MalformedMessageError } from '../../xds/malformed.ts';
import { hashText } from '../../xds/name-hash.ts';
import { leftOutCluster } from '../../xds/names.ts';
import { scanRoutes } from '../../xds/route-scan.ts';
import type { Snapshot } from '../../xds/snapshot.ts';
import { everyRoute, RouteSelection, type RoutesToRead, usesCluster } from '../route-selection.ts';

/** The routes to read of the route configuration at a place; undefined where there are none. */
type SplitsToRead = (routeConfiguration: number) => RoutesToRead | undefined;

export const everyRouteOfEach: SplitsToRead = () => everyRoute;

const leftOut = hashText(leftOutCluster);

/**
 * Finds the splits that something may leave, as far as the snapshot tells: an entry’s cluster lists no
 * endpoint that takes requests, or Envoy Gateway left a backendRef out. Of the others nothing is said
 * and nothing becomes, when nobody knows more about backendRefs than the snapshot does.
 */
export function* findThinSplits(snapshot: Snapshot, clusters: ClusterIndex): Steps<SplitsToRead> {
  const verdicts = new Map<Uint8Array, boolean>();
  const isEmpty = (cluster: Uint8Array): boolean => {
    const verdict = verdicts.get(cluster) ?? mayLackEndpoints(cluster);
    verdicts.set(cluster, verdict);
    return verdict;
  };
  const isWithoutEndpoints = (cluster: number): boolean =>
    cluster === leftOut || clusters.someListing(cluster, isEmpty);
  const columns = snapshot.known.routes;
  const isThin = (route: number): boolean =>
    (columns.traits.at(route) & routeTraits.weighted) !== 0 &&
    usesCluster(columns, route, isWithoutEndpoints);
  return yield* selectRoutes(snapshot, isThin);
}

const mayBeSplit = routeTraits.weighted | routeTraits.odd;

/** Finds every split, and routes that are encoded in such a way that they may be one. */
export function findSplits(snapshot: Snapshot): Steps<SplitsToRead> {
  const { traits } = snapshot.known.routes;
  return selectRoutes(snapshot, (route) => (traits.at(route) & mayBeSplit) !== 0);
}

/** Selects the routes of a snapshot that are wanted, by their numbers; all where they cannot be scanned. */
function* selectRoutes(
  snapshot: Snapshot,
  isWanted: (route: number) => boolean,
): Steps<SplitsToRead> {
  const selection = new RouteSelection(snapshot.known.routes);
  const select = (routeConfiguration: Uint8Array): RoutesToRead | undefined => {
    const scan = scanRoutes(snapshot, routeConfiguration);
    if (scan === undefined) return everyRoute;
    selection.select(scan, isWanted);
    return selection.of(scan);
  };
  const selections: (RoutesToRead | undefined)[] = [];
  const pace = new Pace(stepBytes);
  for (const { kind, value } of snapshot.resources) {
    if (kind !== 'routes') continue;
    if (pace.isPauseDue(value.length)) yield;
    snapshot.checkpoint?.(value.length);
    selections.push(select(value));
  }
  return (routeConfiguration) => selections[routeConfiguration];
}

function mayLackEndpoints(cluster: Uint8Array): boolean {
  try {
    return hasUsableEndpoint(cluster) === false;
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
    return true;
  }
}
