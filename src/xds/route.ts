import { encodeField, encodeString } from './encoding.ts';
import { FieldReader } from './field-reader.ts';
import type { FieldRef } from './field-ref.ts';
import { fields } from './fields.ts';
import { seenFromOutside } from './malformed.ts';
import { decodeString } from './text.ts';
import {
  collectFields,
  forEachField,
  hasField,
  lastValueOf,
  stringOf,
  valuesOf,
  varintOf,
  wrappedBoolOf,
} from './wire.ts';
import { expectLengthDelimited } from './wire-type.ts';

const { RouteAction } = fields;

const nothing: Uint8Array = new Uint8Array();

/** One entry of a weighted split. */
export interface WeightedEntry {
  /** '' when the entry is chosen by a request header instead of a name. */
  readonly cluster: string;
  readonly weight: number;
}

/** Where a forwarding action sends a request. */
export type Destination =
  | { readonly kind: 'cluster'; readonly cluster: string }
  | {
      readonly kind: 'weighted';
      readonly entries: readonly WeightedEntry[];
      readonly fixed: boolean;
    }
  | { readonly kind: 'request-decides' }
  | { readonly kind: 'inline-plugin' }
  /** More specifiers than one: the clusters that any of them names. */
  | { readonly kind: 'ambiguous'; readonly entries: readonly WeightedEntry[] };

/** A RouteAction, as far as Offramp looks at it. */
export interface ForwardingAction {
  readonly destination: Destination;
  /** Cluster names of its mirrors, '' for one that a header chooses; in order. */
  readonly mirrors: readonly string[];
  /** Upgrade types that it switches on, as written, for instance `websocket`. */
  readonly upgrades: readonly string[];
}

/** A Route, as far as Offramp looks at it. */
export interface RouteView {
  readonly name: string;
  /** Encoded RouteAction; undefined when the route does not forward. */
  readonly action: Uint8Array | undefined;
  /** True when it matches CONNECT requests and nothing else. */
  readonly matchesConnect: boolean;
  /** True when a field occurs twice whose meaning depends on how decoders merge it. */
  readonly ambiguous: boolean;
}

/** The numbers of the fields of a Route of which it has one: what it does. */
export const actionNumbers: ReadonlySet<number> = new Set(
  [
    fields.Route.route,
    fields.Route.redirect,
    fields.Route.direct_response,
    fields.Route.filter_action,
    fields.Route.non_forwarding_action,
  ].map((field) => field.number),
);

/** Reads a Route. Throws MalformedMessageError. */
export function readRoute(route: Uint8Array): RouteView {
  let name = '';
  let match: Uint8Array | undefined;
  let action: Uint8Array | undefined;
  const seen = { match: 0, action: 0, metadata: 0 };
  const reader = new FieldReader(route);
  while (reader.next()) {
    if (actionNumbers.has(reader.number)) seen.action++;
    if (reader.number === fields.Route.route.number) action = bytesOf(reader, fields.Route.route);
    else if (reader.number === fields.Route.name.number) {
      name = decodeString(bytesOf(reader, fields.Route.name));
    } else if (reader.number === fields.Route.match.number) {
      seen.match++;
      match = bytesOf(reader, fields.Route.match);
    } else if (reader.number === fields.Route.metadata.number) seen.metadata++;
  }
  return {
    name,
    action,
    matchesConnect: match !== undefined && hasField(match, fields.RouteMatch.connect_matcher),
    ambiguous: seen.match > 1 || seen.action > 1 || seen.metadata > 1,
  };
}

function bytesOf(reader: FieldReader, field: FieldRef): Uint8Array {
  expectLengthDelimited(reader, field);
  return reader.value();
}

/** What a RouteAction’s field with this number says of its destination; it has one of them. */
export const destinationsByNumber: ReadonlyMap<number, Destination['kind']> = new Map([
  [fields.RouteAction.cluster.number, 'cluster'],
  [fields.RouteAction.weighted_clusters.number, 'weighted'],
  [fields.RouteAction.cluster_header.number, 'request-decides'],
  [fields.RouteAction.cluster_specifier_plugin.number, 'request-decides'],
  [fields.RouteAction.inline_cluster_specifier_plugin.number, 'inline-plugin'],
]);

/** What nearly all upgrades are for. */
export const webSocket = 'websocket';

/** An UpgradeConfig that just switches it on. */
export const webSocketUpgrade = encodeField(
  fields.UpgradeConfig.upgrade_type,
  encodeString(webSocket),
);

/** Reads a RouteAction. Throws MalformedMessageError. */
export function readAction(action: Uint8Array): ForwardingAction {
  try {
    const { kinds, hasMirrors, hasUpgrades } = outlineOf(action);
    return {
      destination: readDestination(action, kinds),
      mirrors: hasMirrors ? readMirrors(action) : [],
      upgrades: hasUpgrades ? readEnabledUpgrades(action) : [],
    };
  } catch (error) {
    throw seenFromOutside(error, 'route', 0);
  }
}

/** What an action has: one walk for what would be one for each. */
function outlineOf(action: Uint8Array) {
  const kinds: Destination['kind'][] = [];
  let hasMirrors = false;
  let hasUpgrades = false;
  const reader = new FieldReader(action);
  while (reader.next()) {
    const kind = destinationsByNumber.get(reader.number);
    if (kind !== undefined) kinds.push(kind);
    else if (reader.number === RouteAction.request_mirror_policies.number) hasMirrors = true;
    else if (reader.number === RouteAction.upgrade_configs.number) hasUpgrades = true;
  }
  return { kinds, hasMirrors, hasUpgrades };
}

function readDestination(action: Uint8Array, kinds: readonly Destination['kind'][]): Destination {
  const [kind = 'ambiguous', ...others] = kinds;
  if (kind === 'ambiguous' || others.length > 0) {
    return { kind: 'ambiguous', entries: namedClusters(action) };
  }
  if (kind === 'cluster') return { kind, cluster: stringOf(action, RouteAction.cluster) };
  if (kind !== 'weighted') return { kind };
  return readWeightedClusters(lastValueOf(action, RouteAction.weighted_clusters) ?? nothing);
}

function readMirrors(action: Uint8Array): string[] {
  return collectFields(action, RouteAction.request_mirror_policies, (mirror) =>
    stringOf(mirror, fields.RequestMirrorPolicy.cluster),
  );
}

/** Every cluster that any of an action's specifiers names. */
function namedClusters(action: Uint8Array): WeightedEntry[] {
  const single = valuesOf(action, fields.RouteAction.cluster).map((cluster) => ({
    cluster: decodeString(cluster),
    weight: 1,
  }));
  const splits = valuesOf(action, fields.RouteAction.weighted_clusters).map(readWeightedClusters);
  return [...single, ...splits.flatMap((split) => ('entries' in split ? split.entries : []))];
}

function readWeightedClusters(weighted: Uint8Array): Destination {
  const split: OpenSplit = { entries: [], isAmbiguous: false };
  forEachField(weighted, fields.WeightedCluster.clusters, readEntry, split);
  const { entries, isAmbiguous } = split;
  if (isAmbiguous) return { kind: 'ambiguous', entries };
  const fixed = hasField(weighted, fields.WeightedCluster.total_weight);
  return { kind: 'weighted', entries, fixed };
}

/** What was read so far of a split. */
interface OpenSplit {
  readonly entries: WeightedEntry[];
  isAmbiguous: boolean;
}

function readEntry(entry: Uint8Array, _index: number, split: OpenSplit): void {
  const weights = valuesOf(entry, fields.ClusterWeight.weight);
  if (weights.length > 1) split.isAmbiguous = true;
  const [weight] = weights;
  split.entries.push({
    cluster: hasField(entry, fields.ClusterWeight.cluster_header)
      ? ''
      : stringOf(entry, fields.ClusterWeight.name),
    weight: weight === undefined ? 0 : varintOf(weight, fields.UInt32Value.value) % 2 ** 32,
  });
}

function readEnabledUpgrades(action: Uint8Array): string[] {
  const upgrades: string[] = [];
  forEachField(action, RouteAction.upgrade_configs, readEnabledUpgrade, upgrades);
  return upgrades;
}

function readEnabledUpgrade(config: Uint8Array, _index: number, upgrades: string[]): void {
  const type = stringOf(config, fields.UpgradeConfig.upgrade_type);
  if (wrappedBoolOf(config, fields.UpgradeConfig.enabled) ?? true) upgrades.push(type);
}
