import type { Column } from './column.ts';
import { type FieldReader, spareReader } from './field-reader.ts';
import type { FieldRef } from './field-ref.ts';
import { fields } from './fields.ts';
import { hashName } from './name-hash.ts';
import { destinationsByNumber, webSocketUpgrade } from './route.ts';
import { expectLengthDelimited, expectVarint, over } from './wire-type.ts';

const { Route, RouteAction, WeightedCluster, ClusterWeight } = fields;
const { RequestMirrorPolicy, UpgradeConfig, UInt32Value, BoolValue } = fields;

/**
 * What a scan tells of a route. `odd`: something of it is encoded or chosen in a way that is reported
 * wherever the state speaks of its object.
 */
export const routeTraits = { forwards: 1, weighted: 2, odd: 4 } as const;

/** By field numbers: 1 for those that say where requests go. */
const specifiersByNumber = Uint8Array.from({ length: 64 }, (_, number) =>
  destinationsByNumber.has(number) ? 1 : 0,
);

/** One for each level of messages, used again and again. */
const readers = {
  action: spareReader(),
  part: spareReader(),
  entry: spareReader(),
  value: spareReader(),
};

/**
 * Scans the action at which a reader of a route stands: answers its traits, and adds the hashes of the
 * clusters that it names. Throws MalformedMessageError.
 */
export function scanAction(outer: FieldReader, clusters: Column): number {
  let traits: number = routeTraits.forwards;
  let specifiers = 0;
  const reader = over(outer, Route.route, readers.action);
  while (reader.next()) {
    specifiers += specifiersByNumber[reader.number] ?? 0;
    switch (reader.number) {
      case RouteAction.cluster.number:
        addCluster(reader, RouteAction.cluster, clusters);
        break;
      case RouteAction.weighted_clusters.number:
        traits |= routeTraits.weighted | scanSplit(reader, clusters);
        break;
      case RouteAction.inline_cluster_specifier_plugin.number:
        traits |= routeTraits.odd;
        break;
      case RouteAction.request_mirror_policies.number:
        scanMirror(reader, clusters);
        break;
      case RouteAction.upgrade_configs.number:
        scanUpgrade(reader);
    }
  }
  return specifiers === 1 ? traits : traits | routeTraits.odd;
}

/** Answers whether an entry of the split is `odd`, as that trait or 0. */
function scanSplit(outer: FieldReader, clusters: Column): number {
  let isOdd = false;
  const reader = over(outer, RouteAction.weighted_clusters, readers.part);
  while (reader.next()) {
    if (reader.number !== WeightedCluster.clusters.number) continue;
    if (!scanEntry(reader, clusters)) isOdd = true;
  }
  return isOdd ? routeTraits.odd : 0;
}

/** Answers whether the entry names one cluster and has at most one weight. */
function scanEntry(outer: FieldReader, clusters: Column): boolean {
  let isNamed = false;
  let isOdd = false;
  let weights = 0;
  const reader = over(outer, WeightedCluster.clusters, readers.entry);
  while (reader.next()) {
    switch (reader.number) {
      case ClusterWeight.name.number:
        addCluster(reader, ClusterWeight.name, clusters);
        isNamed = reader.end > reader.valueStart;
        break;
      case ClusterWeight.weight.number:
        weights++;
        expectVarints(over(reader, ClusterWeight.weight, readers.value), UInt32Value.value);
        break;
      case ClusterWeight.cluster_header.number:
        isOdd = true;
    }
  }
  return isNamed && !isOdd && weights < 2;
}

function scanMirror(outer: FieldReader, clusters: Column): void {
  const reader = over(outer, RouteAction.request_mirror_policies, readers.part);
  while (reader.next()) {
    if (reader.number !== RequestMirrorPolicy.cluster.number) continue;
    addCluster(reader, RequestMirrorPolicy.cluster, clusters);
  }
}

function addCluster(reader: FieldReader, field: FieldRef, clusters: Column): void {
  expectLengthDelimited(reader, field);
  clusters.push(hashName(reader.message, reader.valueStart, reader.end));
}

function scanUpgrade(outer: FieldReader): void {
  const reader = over(outer, RouteAction.upgrade_configs, readers.part);
  if (outer.isValue(webSocketUpgrade)) return; // nothing in it is malformed
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
