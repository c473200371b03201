import {
  endOfField,
  isLengthDelimited,
  startOfValue,
  tagAt,
  varintOfField,
} from '../xds/field-ends.ts';
import { wireTypes } from '../xds/field-reader.ts';
import { fields } from '../xds/fields.ts';

const { Route, RouteAction, WeightedCluster, ClusterWeight } = fields;
const { RequestMirrorPolicy, UpgradeConfig, UInt32Value, DirectResponseAction, DataSource } =
  fields;

/** What a route is measured by. */
export interface RouteRules {
  readonly maxBodyBytes: number;
  /** Whether nothing is to be said of the cluster whose name lies there in a message. */
  allowsCluster(message: Uint8Array, from: number, to: number): boolean;
}

// All below look at a part of a message by offsets. They answer false, or -1, where something may be wrong
// with it, where that is not seen at a glance, and where it is malformed or oddly encoded.

/**
 * Whether `examineRoute` would find nothing wrong with the route that lies in a message `from` one offset
 * `to` another, and every cluster that it names is allowed. Made in one pass, without a view or a string; false
 * where that does not tell.
 */
export function isRouteSound(
  message: Uint8Array,
  from: number,
  to: number,
  rules: RouteRules,
): boolean {
  let hasAction = false;
  let hasMatch = false;
  for (let at = from; at < to; ) {
    const end = endOfField(message, at, to);
    if (end === -1) return false;
    switch (tagAt(message, at) >>> 3) {
      case Route.match.number:
        hasMatch = true;
        break;
      case Route.route.number:
        if (!isActionSound(message, at, end, rules)) return false;
        hasAction = true;
        break;
      case Route.direct_response.number:
        if (!isDirectResponseSound(message, at, end, rules)) return false;
        hasAction = true;
        break;
      case Route.redirect.number:
      case Route.filter_action.number:
      case Route.non_forwarding_action.number:
        hasAction = true;
    }
    at = end;
  }
  return hasAction && hasMatch;
}

/** The same of a RouteAction, whose field begins `from` one offset. */
function isActionSound(message: Uint8Array, from: number, to: number, rules: RouteRules): boolean {
  if (!isLengthDelimited(message, from)) return false;
  let upgrades = 0;
  for (let at = startOfValue(message, from); at < to; ) {
    const end = endOfField(message, at, to);
    if (end === -1 || !isSoundInAction(message, at, end, rules)) return false;
    if (tagAt(message, at) >>> 3 === RouteAction.upgrade_configs.number) upgrades++;
    at = end;
  }
  return upgrades < 2; // of two, only their names can tell whether they are the same
}

function isSoundInAction(message: Uint8Array, at: number, end: number, rules: RouteRules): boolean {
  switch (tagAt(message, at) >>> 3) {
    case RouteAction.cluster.number:
      return isClusterAllowed(message, at, end, rules);
    case RouteAction.weighted_clusters.number:
      return isSplitSound(message, at, end, rules);
    case RouteAction.request_mirror_policies.number:
      return isMirrorSound(message, at, end, rules);
    case RouteAction.upgrade_configs.number:
      return isUpgradeReadable(message, at, end);
    default:
      return true;
  }
}

/** Of the field that has a cluster's name. */
function isClusterAllowed(
  message: Uint8Array,
  at: number,
  end: number,
  rules: RouteRules,
): boolean {
  return (
    isLengthDelimited(message, at) && rules.allowsCluster(message, startOfValue(message, at), end)
  );
}

function isSplitSound(message: Uint8Array, from: number, to: number, rules: RouteRules): boolean {
  if (!isLengthDelimited(message, from)) return false;
  let sum = 0;
  for (let at = startOfValue(message, from); at < to; ) {
    const end = endOfField(message, at, to);
    if (end === -1) return false;
    if (tagAt(message, at) >>> 3 === WeightedCluster.clusters.number) {
      const weight = weightOf(message, at, end, rules);
      if (weight === -1) return false;
      sum += weight;
    }
    at = end;
  }
  return sum >= 1 && sum < 2 ** 32;
}

/** The weight of an entry of a split; -1 when its cluster is not allowed. */
function weightOf(message: Uint8Array, from: number, to: number, rules: RouteRules): number {
  if (!isLengthDelimited(message, from)) return -1;
  let weight = 0;
  for (let at = startOfValue(message, from); at < to; ) {
    const end = endOfField(message, at, to);
    if (end === -1) return -1;
    const number = tagAt(message, at) >>> 3;
    if (number === ClusterWeight.name.number) {
      if (!isClusterAllowed(message, at, end, rules)) return -1;
    } else if (number === ClusterWeight.weight.number) {
      weight = uint32Of(message, at, end);
      if (weight === -1) return -1;
    }
    at = end;
  }
  return weight;
}

function uint32Of(message: Uint8Array, from: number, to: number): number {
  if (!isLengthDelimited(message, from)) return -1;
  let value = 0;
  for (let at = startOfValue(message, from); at < to; ) {
    const end = endOfField(message, at, to);
    if (end === -1) return -1;
    const tag = tagAt(message, at);
    if (tag >>> 3 === UInt32Value.value.number) {
      if ((tag & 7) !== wireTypes.varint) return -1;
      value = varintOfField(message, at, end);
    }
    at = end;
  }
  return value % 2 ** 32;
}

function isMirrorSound(message: Uint8Array, from: number, to: number, rules: RouteRules): boolean {
  if (!isLengthDelimited(message, from)) return false;
  for (let at = startOfValue(message, from); at < to; ) {
    const end = endOfField(message, at, to);
    if (end === -1) return false;
    const isCluster = tagAt(message, at) >>> 3 === RequestMirrorPolicy.cluster.number;
    if (isCluster && !isClusterAllowed(message, at, end, rules)) return false;
    at = end;
  }
  return true;
}

function isUpgradeReadable(message: Uint8Array, from: number, to: number): boolean {
  if (!isLengthDelimited(message, from)) return false;
  for (let at = startOfValue(message, from); at < to; ) {
    const end = endOfField(message, at, to);
    if (end === -1) return false;
    const isType = tagAt(message, at) >>> 3 === UpgradeConfig.upgrade_type.number;
    if (isType && !isLengthDelimited(message, at)) return false;
    at = end;
  }
  return true;
}

function isDirectResponseSound(
  message: Uint8Array,
  from: number,
  to: number,
  { maxBodyBytes }: RouteRules,
): boolean {
  if (!isLengthDelimited(message, from)) return false;
  let status = 0;
  for (let at = startOfValue(message, from); at < to; ) {
    const end = endOfField(message, at, to);
    if (end === -1) return false;
    const tag = tagAt(message, at);
    if (tag >>> 3 === DirectResponseAction.status.number) {
      if ((tag & 7) !== wireTypes.varint) return false;
      status = varintOfField(message, at, end);
    } else if (tag >>> 3 === DirectResponseAction.body.number) {
      if (!isBodySound(message, at, end, maxBodyBytes)) return false;
    }
    at = end;
  }
  return status >= 200 && status <= 599;
}

function isBodySound(message: Uint8Array, from: number, to: number, maxBodyBytes: number): boolean {
  if (!isLengthDelimited(message, from)) return false;
  for (let at = startOfValue(message, from); at < to; ) {
    const end = endOfField(message, at, to);
    if (end === -1) return false;
    const number = tagAt(message, at) >>> 3;
    const isInline =
      number === DataSource.inline_bytes.number || number === DataSource.inline_string.number;
    if (isInline) {
      if (!isLengthDelimited(message, at)) return false;
      if (end - startOfValue(message, at) > maxBodyBytes) return false;
    }
    at = end;
  }
  return true;
}
