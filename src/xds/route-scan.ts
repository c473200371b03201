import { routeTraits, scanAction } from './action-scan.ts';
import { type FieldReader, releaseSpareReaders, spareReader } from './field-reader.ts';
import { fields } from './fields.ts';
import { MalformedMessageError } from './malformed.ts';
import { hashName, hashObject } from './name-hash.ts';
import { parseRouteName } from './names.ts';
import { ObjectScanner } from './object-scan.ts';
import { actionNumbers } from './route.ts';
import type { Snapshot } from './snapshot.ts';
import { decodeString, expectLengthDelimited, over } from './wire.ts';

/**
 * What a route configuration's routes are about, by the hashes of names (`hashName`): enough to tell
 * which of them a rewrite has to read. Made in one pass, without a view or a string. Routes are
 * numbered through all virtual hosts, in the order they came.
 */
export interface RouteScan {
  readonly routeConfiguration: Uint8Array;
  /** Of each virtual host the number of its first route; at the end how many routes there are. */
  readonly firstRoutes: readonly number[];
  /** Of each virtual host where its name is: from, to. */
  readonly hostNames: readonly number[];
  /** Whether a virtual host keeps its routes in a matcher tree, where they are not looked for. */
  readonly hasMatcherTree: boolean;
  /** Of each route: what it does, a sum of `routeTraits`. */
  readonly traits: readonly number[];
  /** Of each route the object that it says it is from (`hashObject`), and that object's name alone. */
  readonly objects: readonly number[];
  readonly names: readonly number[];
  /** Of each route where its own name is: from, to. */
  readonly routeNames: readonly number[];
  /** Of each route where its clusters begin in `clusters`; at the end how many these are. */
  readonly firstClusters: readonly number[];
  /** Every cluster that a route's action names: destination, entries of its split, mirrors. */
  readonly clusters: readonly number[];
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
  try {
    const scan = new Scanner(routeConfiguration).scan();
    known.scans.set(routeConfiguration, scan);
    return scan;
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
    return undefined;
  } finally {
    releaseSpareReaders();
  }
}

/** The index of the rule that a route is from, by its name; undefined when that does not tell. */
export function ruleOfRoute(
  { routeConfiguration, routeNames }: RouteScan,
  route: number,
): number | undefined {
  const name = routeConfiguration.subarray(routeNames[2 * route], routeNames[2 * route + 1]);
  return parseRouteName(decodeString(name))?.rule;
}

const { RouteConfiguration, VirtualHost, Route } = fields;

const slash = 0x2f;
const scannedObject = new ObjectScanner();

/** One for each level of messages, used again and again. */
const readers = {
  configuration: spareReader(),
  host: spareReader(),
  route: spareReader(),
  part: spareReader(),
};

class Scanner implements RouteScan {
  readonly routeConfiguration: Uint8Array;
  readonly firstRoutes: number[] = [];
  readonly hostNames: number[] = [];
  hasMatcherTree = false;
  readonly traits: number[] = [];
  readonly objects: number[] = [];
  readonly names: number[] = [];
  readonly routeNames: number[] = [];
  readonly firstClusters: number[] = [];
  readonly clusters: number[] = [];

  constructor(routeConfiguration: Uint8Array) {
    this.routeConfiguration = routeConfiguration;
  }

  scan(): this {
    const { routeConfiguration } = this;
    const reader = readers.configuration.over(routeConfiguration, 0, routeConfiguration.length);
    while (reader.next()) {
      if (reader.number === RouteConfiguration.virtual_hosts.number) this.#scanHost(reader);
      else if (reader.number === RouteConfiguration.name.number) {
        expectLengthDelimited(reader, RouteConfiguration.name);
      }
    }
    this.firstRoutes.push(this.traits.length);
    this.firstClusters.push(this.clusters.length);
    return this;
  }

  #scanHost(outer: FieldReader): void {
    this.firstRoutes.push(this.traits.length);
    let from = 0;
    let to = 0;
    const reader = over(outer, RouteConfiguration.virtual_hosts, readers.host);
    while (reader.next()) {
      switch (reader.number) {
        case VirtualHost.routes.number:
          this.#scanRoute(reader);
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
          this.hasMatcherTree = true;
      }
    }
    this.hostNames.push(from, to);
  }

  #scanRoute(outer: FieldReader): void {
    this.firstClusters.push(this.clusters.length);
    let traits = 0;
    let object = false;
    let from = 0;
    let to = 0;
    let actions = 0;
    let matches = 0;
    let metadata = 0;
    const reader = over(outer, VirtualHost.routes, readers.route);
    while (reader.next()) {
      if (actionNumbers.has(reader.number)) actions++;
      switch (reader.number) {
        case Route.route.number:
          traits |= scanAction(reader, this.clusters);
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
          object = scannedObject.scan(reader);
          break;
      }
    }
    if (actions > 1 || matches > 1 || metadata > 1) traits |= routeTraits.odd;
    this.traits.push(traits);
    this.routeNames.push(from, to);
    if (object) this.#addObject(scannedObject.object, scannedObject.name);
    else this.#addObjectOfName(reader.message, from, to);
  }

  #addObject(object: number, name: number): void {
    this.objects.push(object);
    this.names.push(name);
  }

  /** Of a name `<kind>/<namespace>/<name>/…`; every other name is nobody’s. */
  #addObjectOfName(message: Uint8Array, from: number, to: number): void {
    const namespace = message.indexOf(slash, from) + 1;
    const name = message.indexOf(slash, namespace) + 1;
    const end = message.indexOf(slash, name);
    const isNamed = namespace > from && name > namespace && end > name && end < to;
    const hash = isNamed ? hashName(message, name, end) : 0;
    const object = isNamed ? hashObject(hashName(message, namespace, name - 1), hash) : 0;
    this.#addObject(object, hash);
  }
}

function walk(reader: FieldReader): void {
  while (reader.next());
}
