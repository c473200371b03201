import type { ConnectorLookup } from '../../state/connectors.ts';
import { routeTraits } from '../../xds/action-scan.ts';
import { type RouteScan, ruleOfRoute, scanRoutes } from '../../xds/route-scan.ts';
import type { Snapshot } from '../../xds/snapshot.ts';
import { everyRoute, RouteSelection, type RoutesToRead, usesCluster } from '../route-selection.ts';

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
  const selections: RouteSelection[] = [];
  for (const { kind, value } of snapshot.resources) {
    if (kind !== 'routes') continue;
    snapshot.checkpoint?.(value.length);
    const scan = scanRoutes(snapshot, value);
    if (scan === undefined) return () => everyRoute;
    selections.push(new RouteSelection(scan));
  }
  const clusters = new Set<number>();
  const note = (cluster: number) => {
    clusters.add(cluster);
    return false; // so that all of a route’s are noted
  };
  const isClaimed = (scan: RouteScan, route: number): boolean => {
    if (!mayBeClaimed(scan, route, view)) return false;
    usesCluster(scan, route, note);
    return true;
  };
  for (const one of selections) one.select(isClaimed);
  const isOneOfThem = (cluster: number) => clusters.has(cluster);
  const sharesCluster = (scan: RouteScan, route: number) => usesCluster(scan, route, isOneOfThem);
  for (const one of selections) one.select(sharesCluster);
  return (routeConfiguration) => {
    const selection = selections[routeConfiguration];
    const isUnread = selection?.isEmpty && !selection.scan.hasMatcherTree;
    return isUnread ? undefined : selection;
  };
}

function mayBeClaimed(scan: RouteScan, route: number, view: ConnectorLookup): boolean {
  const { traits, objects, names } = scan;
  const its = traits[route] ?? 0;
  if ((its & routeTraits.forwards) === 0) return false;
  if (usesCluster(scan, route, (cluster) => view.mayClaimCluster(cluster))) return true;
  const object = objects[route] ?? 0;
  const name = names[route] ?? 0;
  if (!view.mayClaimRoute(object, name)) return false;
  const rule = (its & routeTraits.odd) === 0 ? ruleOfRoute(scan, route) : undefined;
  return rule === undefined || view.mayClaimRule(object, name, rule);
}
