import { FieldReader } from '../../xds/field-reader.ts';
import { fields } from '../../xds/fields.ts';
import { seenFromOutside } from '../../xds/malformed.ts';
import { over } from '../../xds/wire-type.ts';
import type { RouteEdit, VirtualHostEdit } from './virtual-host-edit.ts';

const { Route, RouteMatch } = fields;

/**
 * Puts our CONNECT route in front of all routes, but behind CONNECT routes that somebody else made.
 * One of ours with the same name, which is ASCII, is replaced where it stands. Undefined when nothing
 * changes. The route is given as the whole field.
 */
export function placeConnectRoute(
  virtualHost: VirtualHostEdit,
  routeName: string,
  field: Uint8Array,
): RouteEdit | undefined {
  const sought: Sought = {
    routeName,
    route: routeOf(field),
    match: new FieldReader(),
    name: new FieldReader(),
    ours: -1,
    isSame: false,
    lastForeign: -1,
    count: 0,
  };
  virtualHost.forEachRoute(note, sought);
  const { ours, isSame, lastForeign, count } = sought;
  if (ours !== -1) return isSame ? undefined : { field, at: ours, how: 'instead' };
  if (count === 0) return undefined;
  return lastForeign === -1
    ? { field, at: 0, how: 'before' }
    : { field, at: lastForeign, how: 'after' };
}

/** What is looked for among the routes of a virtual host, and the places of what was found; -1 for none. */
interface Sought {
  readonly routeName: string;
  readonly route: Uint8Array;
  /** Used for one route after the other. */
  readonly match: FieldReader;
  readonly name: FieldReader;
  ours: number;
  /** Whether ours is the route itself. */
  isSame: boolean;
  lastForeign: number;
  count: number;
}

function note(reader: FieldReader, index: number, sought: Sought): void {
  const { message, start, limit } = reader;
  sought.count = index + 1;
  const kind = kindOfRoute(reader, sought);
  if (kind === 'connect') sought.lastForeign = index;
  if (kind !== 'ours') return;
  sought.ours = index;
  sought.isSame = Buffer.compare(message.subarray(start, limit), sought.route) === 0;
}

function routeOf(field: Uint8Array): Uint8Array {
  const reader = new FieldReader(field);
  reader.next();
  return reader.value();
}

function kindOfRoute(
  reader: FieldReader,
  { match, name, routeName }: Sought,
): 'ours' | 'connect' | 'other' {
  let isOurs = false;
  let isForConnect = false;
  while (reader.next()) {
    if (reader.number === Route.name.number) {
      isOurs = over(reader, Route.name, name).isText(routeName);
    } else if (reader.number === Route.match.number) {
      isForConnect = matchesConnect(reader, match);
    }
  }
  if (isOurs) return 'ours';
  return isForConnect ? 'connect' : 'other';
}

function matchesConnect(route: FieldReader, match: FieldReader): boolean {
  over(route, Route.match, match);
  try {
    while (match.next()) if (match.number === RouteMatch.connect_matcher.number) return true;
  } catch (error) {
    throw seenFromOutside(error, '', -route.valueStart); // said of the match alone
  }
  return false;
}
