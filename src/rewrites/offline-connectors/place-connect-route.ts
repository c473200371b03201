import { encodeField, encodeString } from '../../xds/encoding.ts';
import { FieldReader } from '../../xds/field-reader.ts';
import { fields } from '../../xds/fields.ts';
import { seenFromOutside } from '../../xds/malformed.ts';
import { expectLengthDelimited, over } from '../../xds/wire.ts';
import type { RouteEdit, VirtualHostEdit } from './virtual-host-edit.ts';

const { VirtualHost, Route, RouteMatch } = fields;

/**
 * Puts our CONNECT route in front of all routes, but behind CONNECT routes that somebody else made.
 * One of ours with the same name is replaced where it stands. Undefined when nothing changes.
 */
export function placeConnectRoute(
  virtualHost: VirtualHostEdit,
  routeName: string,
  route: Uint8Array,
): RouteEdit | undefined {
  const ourName = encodeString(routeName);
  let ours: number | undefined;
  let isSame = false;
  let lastForeign = -1;
  let count = 0;
  const match = new FieldReader();
  virtualHost.forEachRoute((reader, index) => {
    const { message, start, limit } = reader;
    const sort = sortOfRoute(reader, match, ourName);
    count = index + 1;
    if (sort === 'ours') {
      ours = index;
      isSame = Buffer.compare(message.subarray(start, limit), route) === 0;
    } else if (sort === 'connect') lastForeign = index;
  });
  const field = encodeField(VirtualHost.routes, route);
  if (ours !== undefined) return isSame ? undefined : { field, at: ours, how: 'instead' };
  if (count === 0) return undefined;
  return lastForeign === -1
    ? { field, at: 0, how: 'before' }
    : { field, at: lastForeign, how: 'after' };
}

function sortOfRoute(
  reader: FieldReader,
  match: FieldReader,
  ourName: Uint8Array,
): 'ours' | 'connect' | 'other' {
  let isOurs = false;
  let isForConnect = false;
  while (reader.next()) {
    if (reader.number === Route.name.number) {
      expectLengthDelimited(reader, Route.name);
      isOurs = reader.isValue(ourName);
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
