import { FieldReader } from '../../xds/field-reader.ts';
import { fields } from '../../xds/fields.ts';
import { seenFromOutside } from '../../xds/malformed.ts';
import { readPlainRoute } from '../../xds/plain-route.ts';
import { type Destination, readAction, readRoute } from '../../xds/route.ts';
import { identifyRoute, identityOf, type RouteIdentity } from '../../xds/route-identity.ts';
import { nextOccurrence } from '../../xds/wire.ts';
import { over } from '../../xds/wire-type.ts';
import { type RouteSelection, type RoutesToRead, SelectedRoutes } from '../route-selection.ts';
import { isOwnRoute } from './own-routes.ts';
import type {
  Forward,
  SurveyedConfiguration,
  SurveyedHost,
  SurveyedRoute,
} from './surveyed-routes.ts';
import type { UsualRoutes } from './usual-routes.ts';
import { type Asked, judge } from './verdict.ts';

const { VirtualHost } = fields;

/** What the routes of a snapshot are read with. */
export interface Reading {
  readonly asked: Asked;
  readonly usual: UsualRoutes;
}
const { virtual_hosts } = fields.RouteConfiguration;

/**
 * Reads those routes of a route configuration that are to be read. Throws MalformedMessageError. Whoever
 * asks lets go of spare readers.
 */
export function readHosts(
  routeConfiguration: Uint8Array,
  toRead: RoutesToRead,
  reading: Reading,
): { readonly hosts: SurveyedConfiguration; readonly hasMatcherTree: boolean } {
  if (toRead instanceof SelectedRoutes && !toRead.mayHaveMatcherTree) {
    return { hosts: readSelected(toRead, reading), hasMatcherTree: false };
  }
  const hosts: SurveyedHost[] = [];
  let hasMatcherTree = false;
  const reader = new FieldReader(routeConfiguration);
  const ofHost = new FieldReader(routeConfiguration);
  for (let place = 0; nextOccurrence(reader, virtual_hosts); place++) {
    if (!toRead.hasHost(place)) continue;
    try {
      // Where its routes are not looked for, which is reported.
      hasMatcherTree ||=
        toRead.mayHaveMatcherTree && hasMatcher(over(reader, virtual_hosts, ofHost));
      const host = { reader: over(reader, virtual_hosts, ofHost), place };
      hosts.push({ place, routes: readRoutes(host, toRead, reading) });
    } catch (error) {
      throw seenFromOutside(error, `virtual_hosts[${place}]`, 0);
    }
  }
  return { hosts, hasMatcherTree };
}

/** Reads them where a scan found them, without walking to them. */
function readSelected({ scan, selection }: SelectedRoutes, reading: Reading): SurveyedHost[] {
  const { columns } = selection;
  const hosts: SurveyedHost[] = [];
  const reader = new FieldReader(scan.routeConfiguration);
  let from = scan.firstRoute;
  for (let host = scan.firstHost; host < scan.hostsEnd; host++) {
    const to = columns.firstRouteOf(host + 1);
    if (selection.hasAny(from, to)) {
      const place = host - scan.firstHost;
      hosts.push({ place, routes: readBetween(from, to, { selection, reader, reading, place }) });
    }
    from = to;
  }
  return hosts;
}

/** A virtual host whose selected routes are read. */
interface SelectedHost {
  readonly selection: RouteSelection;
  readonly reader: FieldReader;
  readonly reading: Reading;
  readonly place: number;
}

/** The selected ones of some routes, by the number of the first and that behind the last. */
function readBetween(
  from: number,
  to: number,
  { selection, reader, reading, place: host }: SelectedHost,
): readonly SurveyedRoute[] {
  const { routeStarts, routeFieldEnds } = selection.columns;
  const routes: SurveyedRoute[] = [];
  for (let route = from; route < to; route++) {
    if (!selection.has(route)) continue;
    reader.over(reader.message, routeStarts.at(route), routeFieldEnds.at(route)).next();
    const place = route - from;
    try {
      const surveyed = readForwardingRoute(reader, place, reading);
      if (surveyed !== undefined) routes.push(surveyed);
    } catch (error) {
      const inHost = seenFromOutside(error, `routes[${place}]`, reader.valueStart);
      throw seenFromOutside(inHost, `virtual_hosts[${host}]`, 0);
    }
  }
  return routes;
}

function hasMatcher(reader: FieldReader): boolean {
  while (reader.next()) if (reader.number === VirtualHost.matcher.number) return true;
  return false;
}

function readRoutes(
  { reader, place: host }: { readonly reader: FieldReader; readonly place: number },
  toRead: RoutesToRead,
  reading: Reading,
): readonly SurveyedRoute[] {
  const routes: SurveyedRoute[] = [];
  for (let place = 0; nextOccurrence(reader, VirtualHost.routes); place++) {
    if (!toRead.hasRoute(host, place)) continue;
    try {
      const surveyed = readForwardingRoute(reader, place, reading);
      if (surveyed !== undefined) routes.push(surveyed);
    } catch (error) {
      throw seenFromOutside(error, `routes[${place}]`, reader.valueStart);
    }
  }
  return routes;
}

function readForwardingRoute(
  occurrence: FieldReader,
  place: number,
  { asked, usual }: Reading,
): SurveyedRoute | undefined {
  const usualRoute = usual.read(occurrence, place);
  if (usualRoute !== undefined) return usualRoute;
  const read = readPlain(occurrence) ?? readRare(occurrence.value());
  if (read === undefined) return undefined;
  const { view, action, identity } = read;
  const forwards = forwardsOf(action.destination, identity, asked);
  return { place, view, action, identity, forwards, rule: undefined };
}

function forwardsOf(
  destination: Destination,
  identity: RouteIdentity | undefined,
  asked: Asked,
): readonly Forward[] {
  if (destination.kind === 'cluster') {
    const { cluster } = destination;
    return [{ cluster, weight: 1, verdict: judge(cluster, identity, asked) }];
  }
  if (!('entries' in destination)) return [];
  return destination.entries.map(({ cluster, weight }) => {
    return { cluster, weight, verdict: judge(cluster, identity, asked) };
  });
}

type ReadRoute = Pick<SurveyedRoute, 'view' | 'action' | 'identity'>;

function readPlain(occurrence: FieldReader): ReadRoute | undefined {
  const view = readPlainRoute(occurrence);
  if (view === undefined || isOwnRoute(view)) return undefined;
  return { view, action: view.action, identity: identityOf(view.object, view.name) };
}

/** Any route, ours and those that do not forward too. Throws MalformedMessageError. */
function readRare(route: Uint8Array): ReadRoute | undefined {
  const view = readRoute(route);
  if (view.action === undefined || isOwnRoute(view)) return undefined;
  return { view, action: readAction(view.action), identity: identifyRoute(route, view.name) };
}
