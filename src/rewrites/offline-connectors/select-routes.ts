import type { ConnectorLookup } from '../../state/connectors.ts';
import { routeTraits } from '../../xds/action-scan.ts';
import type { RouteColumns } from '../../xds/route-columns.ts';
import { type RouteScan, scanRoutes } from '../../xds/route-scan.ts';
import { ruleOfRouteName } from '../../xds/rule-of-route-name.ts';
import type { Snapshot } from '../../xds/snapshot.ts';
import {
  type ClusterHashes,
  everyRouteOfEach,
  RouteSelection,
  type RoutesOfEach,
  type RoutesToRead,
  SelectedRoutes,
  usesCluster,
  type WantedRoutes,
} from '../route-selection.ts';

/**
 * Selects the routes of rules that the state may speak of, those of other rules of such an object of
 * which something is reported, and those that use a cluster that one of these uses. Where a route
 * configuration cannot be scanned, every route of the snapshot is read: it may use any cluster.
 */
export function selectRoutes(snapshot: Snapshot, view: ConnectorLookup): RoutesOfEach {
  const columns = snapshot.known.routes;
  const scans: RouteScan[] = [];
  const { routes } = snapshot.resources.lists;
  for (let place = 0; place < routes.length; place++) {
    const value = routes.valueAt(place);
    snapshot.budget?.spend(value.length);
    const scan = scanRoutes(snapshot, value);
    if (scan === undefined) return everyRouteOfEach(snapshot);
    scans.push(scan);
  }
  const selection = new RouteSelection(columns);
  const claimed = new ClaimedRoutes(columns, view);
  for (const scan of scans) selection.select(scan, claimed);
  const sharing = new RoutesThatUse(columns, claimed.clusters);
  for (const scan of scans) selection.select(scan, sharing);
  const selected: (RoutesToRead | undefined)[] = [];
  for (const scan of scans) {
    const toRead = selection.of(scan);
    selected.push(scan.hasMatcherTree ? (toRead ?? new SelectedRoutes(selection, scan)) : toRead);
  }
  return selected;
}

/** Those that the state may claim by their rule or by a cluster. */
class ClaimedRoutes implements WantedRoutes {
  /** The clusters that the wanted ones use, by their hashes. */
  readonly clusters = new Set<number>();
  readonly #columns: RouteColumns;
  readonly #view: ConnectorLookup;
  readonly #claimable: ClusterHashes;

  constructor(columns: RouteColumns, view: ConnectorLookup) {
    this.#columns = columns;
    this.#view = view;
    this.#claimable = new ClaimableClusters(view);
  }

  isWanted(route: number, scan: RouteScan): boolean {
    const columns = this.#columns;
    if ((columns.traits.at(route) & routeTraits.forwards) === 0) return false;
    const isClaimed =
      usesCluster(columns, route, this.#claimable) ||
      isOfClaimedRule(columns, route, scan, this.#view);
    if (!isClaimed) return false;
    const end = columns.firstClusterOf(route + 1);
    for (let at = columns.firstClusterOf(route); at < end; at++) {
      this.clusters.add(columns.clusters.at(at));
    }
    return true;
  }
}

/** Those that the state may claim by their names. */
class ClaimableClusters implements ClusterHashes {
  readonly #view: ConnectorLookup;

  constructor(view: ConnectorLookup) {
    this.#view = view;
  }

  has(cluster: number): boolean {
    return this.#view.mayClaimCluster(cluster);
  }
}

class RoutesThatUse implements WantedRoutes {
  readonly #columns: RouteColumns;
  readonly #clusters: ClusterHashes;

  constructor(columns: RouteColumns, clusters: ClusterHashes) {
    this.#columns = columns;
    this.#clusters = clusters;
  }

  isWanted(route: number): boolean {
    return usesCluster(this.#columns, route, this.#clusters);
  }
}

function isOfClaimedRule(
  columns: RouteColumns,
  route: number,
  { routeConfiguration }: RouteScan,
  view: ConnectorLookup,
): boolean {
  const { traits, objects, names, routeNameStarts, routeNameEnds } = columns;
  const object = objects.at(route);
  const name = names.at(route);
  if (!view.mayClaimRoute(object, name)) return false;
  if ((traits.at(route) & routeTraits.odd) !== 0) return true;
  const from = routeNameStarts.at(route);
  const rule = ruleOfRouteName(routeConfiguration, from, routeNameEnds.at(route));
  return rule === undefined || view.mayClaimRule(object, name, rule);
}
