import { encodeField, encodeString } from '../../xds/encoding.ts';
import { FieldReader } from '../../xds/field-reader.ts';
import { fields } from '../../xds/fields.ts';
import { editFields, expectLengthDelimited, hasField, nextOccurrence } from '../../xds/wire.ts';

const { VirtualHost, Route, RouteMatch } = fields;

/** Where in a virtual host a route goes. */
export interface RouteEdit {
  /** The whole field. */
  readonly field: Uint8Array;
  /** The place, among the routes, of the one that it goes in front of, or behind, or is there instead of. */
  readonly at: number;
  readonly how: 'before' | 'after' | 'instead';
}

/**
 * Puts our CONNECT route in front of all routes, but behind CONNECT routes that somebody else made.
 * One of ours with the same name is replaced where it stands. Undefined when nothing changes.
 */
export function placeConnectRoute(
  virtualHost: Uint8Array,
  routeName: string,
  route: Uint8Array,
): RouteEdit | undefined {
  const ourName = encodeString(routeName);
  let ours: number | undefined;
  let isSame = false;
  let lastForeign = -1;
  let count = 0;
  const reader = new FieldReader(virtualHost);
  for (; nextOccurrence(reader, VirtualHost.routes); count++) {
    const sort = sortOfRoute(reader, ourName);
    if (sort === 'ours') {
      ours = count;
      isSame = Buffer.compare(reader.value(), route) === 0;
    } else if (sort === 'connect') lastForeign = count;
  }
  const field = encodeField(VirtualHost.routes, route);
  if (ours !== undefined) return isSame ? undefined : { field, at: ours, how: 'instead' };
  if (count === 0) return undefined;
  return lastForeign === -1
    ? { field, at: 0, how: 'before' }
    : { field, at: lastForeign, how: 'after' };
}

function sortOfRoute(outer: FieldReader, ourName: Uint8Array): 'ours' | 'connect' | 'other' {
  let isOurs = false;
  let matchesConnect = false;
  const reader = outer.inside();
  while (reader.next()) {
    if (reader.number === Route.name.number) {
      expectLengthDelimited(reader, Route.name);
      isOurs = reader.isValue(ourName);
    } else if (reader.number === Route.match.number) {
      expectLengthDelimited(reader, Route.match);
      matchesConnect = hasField(reader.value(), RouteMatch.connect_matcher);
    }
  }
  if (isOurs) return 'ours';
  return matchesConnect ? 'connect' : 'other';
}

/** The virtual host with the route in its place, and fields behind all others. */
export function editRoutes(
  virtualHost: Uint8Array,
  { field: inserted, at, how }: RouteEdit,
  append: readonly Uint8Array[] = [],
): Uint8Array {
  let index = 0;
  return editFields(
    virtualHost,
    (field) => {
      if (field.number !== VirtualHost.routes.number || index++ !== at) return 'keep';
      if (how === 'instead') return [inserted];
      return how === 'before' ? [inserted, field.raw()] : [field.raw(), inserted];
    },
    append,
  );
}
