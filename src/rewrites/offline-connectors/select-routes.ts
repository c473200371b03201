import type { ConnectorLookup } from '../../state/connectors.ts';
import { routeTraits } from '../../xds/action-scan.ts';
import type { RouteColumns } from '../../xds/route-columns.ts';
import { type RouteScan, scanRoutes } from '../../xds/route-scan.ts';
import { ruleOfRouteName } from '../../xds/rule-of-route-name.ts';
import type { Snapshot } from '../../xds/snapshot.ts';
import {
  everyRoute,
  RouteSelection,
  type RoutesToRead,
  SelectedRoutes,
  usesCluster,
} from '../route-selection.ts';

/**
 * Selects the routes of rules that the state may speak of, those of other rules of such an object of
 * which something is reported, and those that use a cluster that one of these uses;
 * for each route configuration by its place, undefined where there are none. Where one cannot be
 * scanned, every route of the snapshot is read: it may use any cluster.
 */
export function selectRoutes(
  snapshot: Snapshot,
  view: ConnectorLookup,
): (routeConfiguration: number) => RoutesToRead | undefined {
  const columns = snapshot.known.routes;
  const scans: RouteScan[] = [];
  for (const { kind, value } of snapshot.resources) {
    if (kind !== 'routes') continue;
    snapshot.checkpoint?.(value.length);
    const scan = scanRoutes(snapshot, value);
    if (scan === undefined) return () => everyRoute;
    scans.push(scan);
  }
  const selection = new RouteSelection(columns);
  const clusters = new Set<number>();
  const note = (cluster: number) => {
    clusters.add(cluster);
    return false; // so that all of a route’s are noted
  };
  const mayClaimCluster = (cluster: number) => view.mayClaimCluster(cluster);
  const isClaimed = (route: number, scan: RouteScan): boolean => {
    if ((columns.traits.at(route) & routeTraits.forwards) === 0) return false;
    const isWanted =
      usesCluster(columns, route, mayClaimCluster) || isOfClaimedRule(columns, route, scan, view);
    if (isWanted) usesCluster(columns, route, note);
    return isWanted;
  };
  for (const scan of scans) selection.select(scan, isClaimed);
  const isOneOfThem = (cluster: number) => clusters.has(cluster);
  const sharesCluster = (route: number) => usesCluster(columns, route, isOneOfThem);
  for (const scan of scans) selection.select(scan, sharesCluster);
  return (routeConfiguration) => {
    const scan = scans[routeConfiguration];
    if (scan === undefined) return undefined;
    return (
      selection.of(scan) ?? (scan.hasMatcherTree ? new SelectedRoutes(selection, scan) : undefined)
    );
  };
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
