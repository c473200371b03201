import { type FieldReader, spareReader } from './field-reader.ts';
import type { FieldRef } from './field-ref.ts';
import { fields } from './fields.ts';
import { type ObjectNames, readNamesIn } from './gateway-metadata.ts';
import { MalformedMessageError } from './malformed.ts';
import {
  actionNumbers,
  type Destination,
  destinationsByNumber,
  type ForwardingAction,
  type WeightedEntry,
  webSocket,
} from './route.ts';
import { decodeString } from './text.ts';
import { expectLengthDelimited, expectVarint, over } from './wire-type.ts';

const { Route, RouteMatch, RouteAction, WeightedCluster, ClusterWeight } = fields;
const { RequestMirrorPolicy, UpgradeConfig, UInt32Value } = fields;

/** A route that forwards, in the form in which nearly all come. */
export interface PlainRoute {
  readonly name: string;
  readonly matchesConnect: boolean;
  readonly ambiguous: false;
  readonly action: ForwardingAction;
  /** The names of what `readGatewayObject` says of it. */
  readonly object: ObjectNames | undefined;
}

/**
 * Reads the route at which a reader of a virtual host stands, in one walk: what `readRoute`,
 * `readAction` and `readGatewayObject` say of it. Undefined when it does not forward, is malformed,
 * ambiguous or of a rarer form, which these tell. Whoever asks lets go of spare readers.
 */
export function readPlainRoute(outer: FieldReader): PlainRoute | undefined {
  try {
    return readRoute(readers.route.over(outer.message, outer.valueStart, outer.end));
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
    return undefined;
  }
}

/** One for each level of messages, used again and again. */
const readers = {
  route: spareReader(),
  part: spareReader(),
  action: spareReader(),
  ofAction: spareReader(),
  entry: spareReader(),
  value: spareReader(),
};

function readRoute(reader: FieldReader): PlainRoute | undefined {
  let name = '';
  let matchesConnect = false;
  let object: ObjectNames | undefined;
  let action: ForwardingAction | undefined;
  let matches = 0;
  let actions = 0;
  let metadata = 0;
  while (reader.next()) {
    if (actionNumbers.has(reader.number)) actions++;
    switch (reader.number) {
      case Route.route.number:
        action = readAction(over(reader, Route.route, readers.action));
        break;
      case Route.name.number:
        name = textOf(reader, Route.name);
        break;
      case Route.match.number:
        matches++;
        matchesConnect = hasConnectMatcher(over(reader, Route.match, readers.part));
        break;
      case Route.metadata.number:
        metadata++;
        object = readNamesIn(over(reader, Route.metadata, readers.part));
    }
  }
  const isAmbiguous = matches > 1 || actions > 1 || metadata > 1;
  if (isAmbiguous || action === undefined) return undefined;
  return { name, matchesConnect, ambiguous: false, action, object };
}

function textOf(reader: FieldReader, field: FieldRef): string {
  expectLengthDelimited(reader, field);
  return decodeString(reader.value());
}

function hasConnectMatcher(match: FieldReader): boolean {
  let isFound = false;
  while (match.next()) if (match.number === RouteMatch.connect_matcher.number) isFound = true;
  return isFound;
}

const none: readonly string[] = [];

/** Undefined when it has not exactly one destination, or something rare. */
function readAction(reader: FieldReader): ForwardingAction | undefined {
  let destination: Destination | undefined;
  let destinations = 0;
  let mirrors: string[] | undefined;
  let upgrades: string[] | undefined;
  while (reader.next()) {
    if (destinationsByNumber.has(reader.number)) {
      destinations++;
      destination = readDestination(reader);
    } else if (reader.number === RouteAction.request_mirror_policies.number) {
      mirrors ??= [];
      mirrors.push(readMirror(reader));
    } else if (reader.number === RouteAction.upgrade_configs.number) {
      const upgrade = readUpgrade(reader);
      if (upgrade === undefined) return undefined;
      upgrades ??= [];
      upgrades.push(upgrade);
    }
  }
  if (destinations !== 1 || destination === undefined) return undefined;
  return { destination, mirrors: mirrors ?? none, upgrades: upgrades ?? none };
}

/** Undefined for any that is rare. */
function readDestination(action: FieldReader): Destination | undefined {
  switch (action.number) {
    case RouteAction.cluster.number:
      return { kind: 'cluster', cluster: textOf(action, RouteAction.cluster) };
    case RouteAction.weighted_clusters.number:
      return readSplit(over(action, RouteAction.weighted_clusters, readers.ofAction));
    default:
      return undefined;
  }
}

/** Undefined when an entry has two weights or is chosen by a header. */
function readSplit(reader: FieldReader): Destination | undefined {
  const entries: WeightedEntry[] = [];
  let fixed = false;
  while (reader.next()) {
    if (reader.number === WeightedCluster.total_weight.number) fixed = true;
    if (reader.number !== WeightedCluster.clusters.number) continue;
    const entry = readEntry(over(reader, WeightedCluster.clusters, readers.entry));
    if (entry === undefined) return undefined;
    entries.push(entry);
  }
  return { kind: 'weighted', entries, fixed };
}

function readEntry(reader: FieldReader): WeightedEntry | undefined {
  let cluster = '';
  let weight: number | undefined;
  while (reader.next()) {
    switch (reader.number) {
      case ClusterWeight.name.number:
        cluster = textOf(reader, ClusterWeight.name);
        break;
      case ClusterWeight.weight.number:
        if (weight !== undefined) return undefined;
        weight = readWeight(over(reader, ClusterWeight.weight, readers.value));
        break;
      case ClusterWeight.cluster_header.number:
        return undefined;
    }
  }
  return { cluster, weight: weight ?? 0 };
}

function readWeight(reader: FieldReader): number {
  let weight = 0;
  while (reader.next()) {
    if (reader.number !== UInt32Value.value.number) continue;
    expectVarint(reader, UInt32Value.value);
    weight = reader.varint() % 2 ** 32;
  }
  return weight;
}

function readMirror(outer: FieldReader): string {
  let cluster = '';
  const reader = over(outer, RouteAction.request_mirror_policies, readers.ofAction);
  while (reader.next()) {
    if (reader.number !== RequestMirrorPolicy.cluster.number) continue;
    cluster = textOf(reader, RequestMirrorPolicy.cluster);
  }
  return cluster;
}

/** The type of an upgrade that is switched on without a word about it. */
function readUpgrade(outer: FieldReader): string | undefined {
  let type = '';
  const reader = over(outer, RouteAction.upgrade_configs, readers.ofAction);
  while (reader.next()) {
    if (reader.number === UpgradeConfig.enabled.number) return undefined;
    if (reader.number !== UpgradeConfig.upgrade_type.number) continue;
    const text = over(reader, UpgradeConfig.upgrade_type, readers.value);
    type = text.isText(webSocket) ? webSocket : decodeString(text.rest()); // no string is made of it
  }
  return type;
}
