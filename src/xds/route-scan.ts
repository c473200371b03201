import { FieldReader } from './field-reader.ts';
import type { FieldRef } from './field-ref.ts';
import { fields } from './fields.ts';
import { MalformedMessageError } from './malformed.ts';
import { hashName, hashObject } from './name-hash.ts';
import { ObjectScanner } from './object-scan.ts';
import { expectLengthDelimited, expectVarint, over } from './wire.ts';

/**
 * What a route configuration's routes are about, by the hashes of names (`hashName`): enough to tell
 * which of them a rewrite has to read. Made in one pass, without a view or a string. Routes are
 * numbered through all virtual hosts, in the order they came.
 */
export interface RouteScan {
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
  /** Of each route where its clusters begin in `clusters`; at the end how many these are. */
  readonly firstClusters: readonly number[];
  /** Every cluster that a route's action names: destination, entries of its split, mirrors. */
  readonly clusters: readonly number[];
}

/** What a scan tells of a route. */
export const routeTraits = { forwards: 1, weighted: 2 } as const;

/**
 * Scans a RouteConfiguration; undefined when it, or something in its routes, cannot be read. Walks
 * every message that the reading of a route walks, so what it has passed can be read.
 */
export function scanRoutes(routeConfiguration: Uint8Array): RouteScan | undefined {
  const known = scans.get(routeConfiguration);
  if (known !== undefined) return known;
  try {
    const scan = new Scanner().scan(routeConfiguration);
    scans.set(routeConfiguration, scan);
    return scan;
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
    return undefined;
  }
}

/** Each rewrite asks for the same ones. */
const scans = new WeakMap<Uint8Array, RouteScan>();

const { RouteConfiguration, VirtualHost, Route, RouteAction, WeightedCluster, ClusterWeight } =
  fields;
const { RequestMirrorPolicy, UpgradeConfig, UInt32Value, BoolValue } = fields;

const slash = 0x2f;
const scannedObject = new ObjectScanner();

/** One for each level of messages, used again and again. */
const readers = {
  configuration: new FieldReader(),
  host: new FieldReader(),
  route: new FieldReader(),
  action: new FieldReader(),
  part: new FieldReader(),
  entry: new FieldReader(),
  value: new FieldReader(),
};

class Scanner implements RouteScan {
  readonly firstRoutes: number[] = [];
  readonly hostNames: number[] = [];
  hasMatcherTree = false;
  readonly traits: number[] = [];
  readonly objects: number[] = [];
  readonly names: number[] = [];
  readonly firstClusters: number[] = [];
  readonly clusters: number[] = [];

  scan(routeConfiguration: Uint8Array): this {
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
    const reader = over(outer, VirtualHost.routes, readers.route);
    while (reader.next()) {
      switch (reader.number) {
        case Route.route.number:
          traits |= this.#scanAction(reader);
          break;
        case Route.match.number:
          walk(over(reader, Route.match, readers.part));
          break;
        case Route.name.number:
          expectLengthDelimited(reader, Route.name);
          from = reader.valueStart;
          to = reader.end;
          break;
        case Route.metadata.number:
          object = scannedObject.scan(reader);
          break;
      }
    }
    this.traits.push(traits);
    if (object) this.#addObject(scannedObject.object, scannedObject.name);
    else this.#addObjectOfName(reader.message, from, to);
  }

  #scanAction(outer: FieldReader): number {
    let traits: number = routeTraits.forwards;
    const reader = over(outer, Route.route, readers.action);
    while (reader.next()) {
      switch (reader.number) {
        case RouteAction.cluster.number:
          this.#addCluster(reader, RouteAction.cluster);
          break;
        case RouteAction.weighted_clusters.number:
          traits |= routeTraits.weighted;
          this.#scanSplit(reader);
          break;
        case RouteAction.request_mirror_policies.number:
          this.#scanMirror(reader);
          break;
        case RouteAction.upgrade_configs.number:
          scanUpgrade(reader);
      }
    }
    return traits;
  }

  #scanSplit(outer: FieldReader): void {
    const reader = over(outer, RouteAction.weighted_clusters, readers.part);
    while (reader.next()) {
      if (reader.number === WeightedCluster.clusters.number) this.#scanEntry(reader);
    }
  }

  #scanEntry(outer: FieldReader): void {
    const reader = over(outer, WeightedCluster.clusters, readers.entry);
    while (reader.next()) {
      if (reader.number === ClusterWeight.name.number) this.#addCluster(reader, ClusterWeight.name);
      else if (reader.number === ClusterWeight.weight.number) {
        expectVarints(over(reader, ClusterWeight.weight, readers.value), UInt32Value.value);
      }
    }
  }

  #scanMirror(outer: FieldReader): void {
    const reader = over(outer, RouteAction.request_mirror_policies, readers.part);
    while (reader.next()) {
      if (reader.number !== RequestMirrorPolicy.cluster.number) continue;
      this.#addCluster(reader, RequestMirrorPolicy.cluster);
    }
  }

  #addCluster(reader: FieldReader, field: FieldRef): void {
    expectLengthDelimited(reader, field);
    this.clusters.push(hashName(reader.message, reader.valueStart, reader.end));
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

function scanUpgrade(outer: FieldReader): void {
  const reader = over(outer, RouteAction.upgrade_configs, readers.part);
  while (reader.next()) {
    if (reader.number === UpgradeConfig.upgrade_type.number) {
      expectLengthDelimited(reader, UpgradeConfig.upgrade_type);
    } else if (reader.number === UpgradeConfig.enabled.number) {
      expectVarints(over(reader, UpgradeConfig.enabled, readers.value), BoolValue.value);
    }
  }
}

function expectVarints(reader: FieldReader, field: FieldRef): void {
  while (reader.next()) if (reader.number === field.number) expectVarint(reader, field);
}

function walk(reader: FieldReader): void {
  while (reader.next());
}
