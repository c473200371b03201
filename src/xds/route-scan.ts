import { routeTraits, scanAction } from './action-scan.ts';
import { type FieldReader, releaseSpareReaders, spareReader } from './field-reader.ts';
import { fields } from './fields.ts';
import { MalformedMessageError } from './malformed.ts';
import { hashName, hashObject, hashWords } from './name-hash.ts';
import { ObjectScanner } from './object-scan.ts';
import { actionNumbers } from './route.ts';
import type { RouteColumns } from './route-columns.ts';
import type { Snapshot } from './snapshot.ts';
import { UsualRoute } from './usual-route.ts';
import { expectLengthDelimited, over } from './wire-type.ts';
import { wordsOf } from './words.ts';

/** A route configuration, and which rows of a snapshot’s `RouteColumns` are its own. */
export interface RouteScan {
  readonly routeConfiguration: Uint8Array;
  readonly firstHost: number;
  readonly hostsEnd: number;
  readonly firstRoute: number;
  readonly routesEnd: number;
  /** Whether a virtual host keeps its routes in a matcher tree, where they are not looked for. */
  readonly hasMatcherTree: boolean;
  /** Whether its routes have no metadata but what Envoy Gateway itself writes. */
  readonly hasUsualMetadata: boolean;
}

/**
 * Scans a RouteConfiguration; undefined when it, or something in its routes, cannot be read. Walks
 * every message that the reading of a route walks, so what it has passed can be read, and is not scanned again.
 */
export function scanRoutes(
  { known }: Snapshot,
  routeConfiguration: Uint8Array,
): RouteScan | undefined {
  const before = known.scans.get(routeConfiguration);
  if (before !== undefined) return before;
  const extent = known.routes.extent();
  try {
    metadataOfRoutes.isUsual = true;
    const hasMatcherTree = scanHosts(routeConfiguration, known.routes);
    const { hosts, routes } = known.routes.extent();
    const scan = {
      routeConfiguration,
      firstHost: extent.hosts,
      hostsEnd: hosts,
      firstRoute: extent.routes,
      routesEnd: routes,
      hasMatcherTree,
      hasUsualMetadata: metadataOfRoutes.isUsual,
    };
    known.scans.set(routeConfiguration, scan);
    return scan;
  } catch (error) {
    known.routes.truncate(extent);
    if (!(error instanceof MalformedMessageError)) throw error;
    return undefined;
  } finally {
    releaseSpareReaders();
  }
}

const { RouteConfiguration, VirtualHost, Route } = fields;

/** By field numbers: 1 for those of actions. */
const actionsByNumber = Uint8Array.from({ length: 32 }, (_, number) =>
  actionNumbers.has(number) ? 1 : 0,
);
const slash = 0x2f;
const scannedObject = new ObjectScanner();
const usualRoute = new UsualRoute();

/** Of the route configuration that is being scanned. */
const metadataOfRoutes = { isUsual: true };

/** One for each level of messages, used again and again. */
const readers = {
  configuration: spareReader(),
  host: spareReader(),
  route: spareReader(),
  part: spareReader(),
};

/** Answers whether a virtual host has a matcher tree. */
function scanHosts(routeConfiguration: Uint8Array, columns: RouteColumns): boolean {
  let hasMatcherTree = false;
  const words = wordsOf(routeConfiguration);
  const reader = readers.configuration.over(routeConfiguration, 0, routeConfiguration.length);
  while (reader.next()) {
    if (reader.number === RouteConfiguration.virtual_hosts.number) {
      if (scanHost(reader, words, columns)) hasMatcherTree = true;
    } else if (reader.number === RouteConfiguration.name.number) {
      expectLengthDelimited(reader, RouteConfiguration.name);
    }
  }
  return hasMatcherTree;
}

/** Answers whether it has a matcher tree. */
function scanHost(outer: FieldReader, words: DataView, columns: RouteColumns): boolean {
  let hasMatcherTree = false;
  let from = 0;
  let to = 0;
  const reader = over(outer, RouteConfiguration.virtual_hosts, readers.host);
  while (reader.next()) {
    switch (reader.number) {
      case VirtualHost.routes.number:
        expectLengthDelimited(reader, VirtualHost.routes);
        if (usualRoute.read(words, reader.valueStart, reader.end, columns.clusters)) {
          addUsualRoute(words, columns);
        } else scanRoute(reader, words, columns);
        columns.placeRoute(reader.start, reader.end);
        break;
      case VirtualHost.name.number:
        expectLengthDelimited(reader, VirtualHost.name);
        from = reader.valueStart;
        to = reader.end;
        break;
      case VirtualHost.domains.number:
        expectLengthDelimited(reader, VirtualHost.domains);
        break;
      case VirtualHost.matcher.number:
        hasMatcherTree = true;
    }
  }
  columns.endHost(reader.message, from, to);
  return hasMatcherTree;
}

function addUsualRoute(words: DataView, columns: RouteColumns): void {
  const { name, object, traits } = usualRoute;
  columns.endRoute(traits, name.from, name.to);
  const hash = hashWords(words, object.name.from, object.name.to);
  const namespace = hashWords(words, object.namespace.from, object.namespace.to);
  columns.addObject(hashObject(namespace, hash), hash);
}

function scanRoute(outer: FieldReader, words: DataView, columns: RouteColumns): void {
  let traits = 0;
  let object = false;
  let from = 0;
  let to = 0;
  let actions = 0;
  let matches = 0;
  let metadata = 0;
  const reader = over(outer, VirtualHost.routes, readers.route);
  while (reader.next()) {
    actions += actionsByNumber[reader.number] ?? 0;
    switch (reader.number) {
      case Route.route.number:
        traits |= scanAction(reader, columns.clusters);
        break;
      case Route.match.number:
        matches++;
        walk(over(reader, Route.match, readers.part));
        break;
      case Route.name.number:
        expectLengthDelimited(reader, Route.name);
        from = reader.valueStart;
        to = reader.end;
        break;
      case Route.metadata.number:
        metadata++;
        object = scannedObject.scan(reader, Route.metadata, words);
        if (!scannedObject.isUsual) metadataOfRoutes.isUsual = false;
    }
  }
  if (actions > 1 || matches > 1 || metadata > 1) traits |= routeTraits.odd;
  columns.endRoute(traits, from, to);
  if (object) columns.addObject(scannedObject.object, scannedObject.name);
  else addObjectOfName(reader.message, from, to, columns);
}

/** Of a name `<kind>/<namespace>/<name>/…`; every other name is nobody’s. */
function addObjectOfName(
  message: Uint8Array,
  from: number,
  to: number,
  columns: RouteColumns,
): void {
  const namespace = message.indexOf(slash, from) + 1;
  const name = message.indexOf(slash, namespace) + 1;
  const end = message.indexOf(slash, name);
  const isNamed = namespace > from && name > namespace && end > name && end < to;
  const hash = isNamed ? hashName(message, name, end) : 0;
  const object = isNamed ? hashObject(hashName(message, namespace, name - 1), hash) : 0;
  columns.addObject(object, hash);
}

function walk(reader: FieldReader): void {
  while (reader.next());
}
