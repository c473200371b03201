import { FieldReader } from '../../xds/field-reader.ts';
import { fields } from '../../xds/fields.ts';
import { seenFromOutside } from '../../xds/malformed.ts';
import { over } from '../../xds/wire.ts';
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
  let ours: number | undefined;
  let isSame = false;
  let lastForeign = -1;
  let count = 0;
  const readers = { match: new FieldReader(), name: new FieldReader() };
  virtualHost.forEachRoute((reader, index) => {
    const { message, start, limit } = reader;
    const sort = sortOfRoute(reader, readers, routeName);
    count = index + 1;
    if (sort === 'ours') {
      ours = index;
      isSame = Buffer.compare(message.subarray(start, limit), routeOf(field)) === 0;
    } else if (sort === 'connect') lastForeign = index;
  });
  if (ours !== undefined) return isSame ? undefined : { field, at: ours, how: 'instead' };
  if (count === 0) return undefined;
  return lastForeign === -1
    ? { field, at: 0, how: 'before' }
    : { field, at: lastForeign, how: 'after' };
}

function routeOf(field: Uint8Array): Uint8Array {
  const reader = new FieldReader(field);
  reader.next();
  return reader.value();
}

/** Used for one route after the other. */
interface Readers {
  readonly match: FieldReader;
  readonly name: FieldReader;
}

function sortOfRoute(
  reader: FieldReader,
  { match, name }: Readers,
  ourName: string,
): 'ours' | 'connect' | 'other' {
  let isOurs = false;
  let isForConnect = false;
  while (reader.next()) {
    if (reader.number === Route.name.number) {
      isOurs = over(reader, Route.name, name).isText(ourName);
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
