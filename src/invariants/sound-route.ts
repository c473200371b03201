import { type FieldReader, spareReader } from '../xds/field-reader.ts';
import { fields } from '../xds/fields.ts';
import { expectLengthDelimited, expectVarint, over } from '../xds/wire-type.ts';

const { VirtualHost, Route, RouteAction, WeightedCluster, ClusterWeight } = fields;
const { RequestMirrorPolicy, UpgradeConfig, UInt32Value, DirectResponseAction, DataSource } =
  fields;

/** What a route is measured by. */
export interface RouteRules {
  readonly maxBodyBytes: number;
  /** Whether nothing is to be said of a cluster whose name the reader's current field is. */
  allowsCluster(name: FieldReader): boolean;
}

/** One for each level of messages, used again and again. */
const readers = {
  route: spareReader(),
  action: spareReader(),
  part: spareReader(),
  entry: spareReader(),
  value: spareReader(),
};

/**
 * Whether `examineRoute` would find nothing wrong with the route at which a reader of a virtual host
 * stands, and every cluster that it names is allowed. Made in one pass, without a view or a string; false
 * where that does not tell. Throws MalformedMessageError.
 */
export function isRouteSound(outer: FieldReader, rules: RouteRules): boolean {
  let hasAction = false;
  let hasMatch = false;
  const route = over(outer, VirtualHost.routes, readers.route);
  while (route.next()) {
    switch (route.number) {
      case Route.match.number:
        hasMatch = true;
        break;
      case Route.route.number:
        if (!isActionSound(route, rules)) return false;
        hasAction = true;
        break;
      case Route.direct_response.number:
        if (!isDirectResponseSound(route, rules)) return false;
        hasAction = true;
        break;
      case Route.redirect.number:
      case Route.filter_action.number:
      case Route.non_forwarding_action.number:
        hasAction = true;
    }
  }
  return hasAction && hasMatch;
}

function isActionSound(outer: FieldReader, rules: RouteRules): boolean {
  let upgrades = 0;
  const action = over(outer, Route.route, readers.action);
  while (action.next()) {
    switch (action.number) {
      case RouteAction.cluster.number:
        expectLengthDelimited(action, RouteAction.cluster);
        if (!rules.allowsCluster(action)) return false;
        break;
      case RouteAction.weighted_clusters.number:
        if (!isSplitSound(action, rules)) return false;
        break;
      case RouteAction.request_mirror_policies.number:
        if (!isMirrorSound(action, rules)) return false;
        break;
      case RouteAction.upgrade_configs.number:
        expectUpgrade(action);
        upgrades++;
    }
  }
  return upgrades < 2; // of two, only their names can tell whether they are the same
}

function isSplitSound(outer: FieldReader, rules: RouteRules): boolean {
  let sum = 0;
  const split = over(outer, RouteAction.weighted_clusters, readers.part);
  while (split.next()) {
    if (split.number !== WeightedCluster.clusters.number) continue;
    const weight = weightOf(split, rules);
    if (weight === undefined) return false;
    sum += weight;
  }
  return sum >= 1 && sum < 2 ** 32;
}

/** The weight of an entry of a split; undefined when its cluster is not allowed. */
function weightOf(outer: FieldReader, rules: RouteRules): number | undefined {
  let weight = 0;
  const entry = over(outer, WeightedCluster.clusters, readers.entry);
  while (entry.next()) {
    if (entry.number === ClusterWeight.name.number) {
      expectLengthDelimited(entry, ClusterWeight.name);
      if (!rules.allowsCluster(entry)) return undefined;
    } else if (entry.number === ClusterWeight.weight.number) weight = uint32Of(entry);
  }
  return weight;
}

function uint32Of(outer: FieldReader): number {
  let value = 0;
  const wrapper = over(outer, ClusterWeight.weight, readers.value);
  while (wrapper.next()) {
    if (wrapper.number !== UInt32Value.value.number) continue;
    expectVarint(wrapper, UInt32Value.value);
    value = wrapper.varint();
  }
  return value % 2 ** 32;
}

function isMirrorSound(outer: FieldReader, rules: RouteRules): boolean {
  const mirror = over(outer, RouteAction.request_mirror_policies, readers.part);
  while (mirror.next()) {
    if (mirror.number !== RequestMirrorPolicy.cluster.number) continue;
    expectLengthDelimited(mirror, RequestMirrorPolicy.cluster);
    if (!rules.allowsCluster(mirror)) return false;
  }
  return true;
}

function expectUpgrade(outer: FieldReader): void {
  const upgrade = over(outer, RouteAction.upgrade_configs, readers.part);
  while (upgrade.next()) {
    if (upgrade.number !== UpgradeConfig.upgrade_type.number) continue;
    expectLengthDelimited(upgrade, UpgradeConfig.upgrade_type);
  }
}

function isDirectResponseSound(outer: FieldReader, { maxBodyBytes }: RouteRules): boolean {
  let status = 0;
  const response = over(outer, Route.direct_response, readers.part);
  while (response.next()) {
    if (response.number === DirectResponseAction.status.number) {
      expectVarint(response, DirectResponseAction.status);
      status = response.varint();
    } else if (response.number === DirectResponseAction.body.number) {
      if (!isBodySound(response, maxBodyBytes)) return false;
    }
  }
  return status >= 200 && status <= 599;
}

function isBodySound(outer: FieldReader, maxBodyBytes: number): boolean {
  const body = over(outer, DirectResponseAction.body, readers.entry);
  while (body.next()) {
    const isInline =
      body.number === DataSource.inline_bytes.number ||
      body.number === DataSource.inline_string.number;
    if (!isInline) continue;
    expectLengthDelimited(body, DataSource.inline_string);
    if (body.end - body.valueStart > maxBodyBytes) return false;
  }
  return true;
}
