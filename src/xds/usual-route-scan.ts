import { routeTraits } from './action-scan.ts';
import type { Column } from './column.ts';
import { encodeField, encodeString, tagOf } from './encoding.ts';
import { fields } from './fields.ts';
import { hashWords } from './name-hash.ts';
import { actionNumbers, destinationsByNumber } from './route.ts';
import type { RouteColumns } from './route-columns.ts';
import { UsualObjectScan } from './usual-object-scan.ts';
import {
  bytesBehind,
  KnownBytes,
  nowhere,
  numbers,
  pass,
  valueEndOf,
  valueStartOf,
  wordAt,
} from './words.ts';

const { Route, RouteAction, WeightedCluster, ClusterWeight, UpgradeConfig, UInt32Value } = fields;

const matchTag = tagOf(Route.match);
const actionTag = tagOf(Route.route);
const metadataTag = tagOf(Route.metadata);
const nameTag = tagOf(Route.name);
const clusterTag = tagOf(RouteAction.cluster);
const splitTag = tagOf(RouteAction.weighted_clusters);
const entryTag = tagOf(WeightedCluster.clusters);
const entryNameTag = tagOf(ClusterWeight.name);
const entryWeightTag = tagOf(ClusterWeight.weight);
/** That of a varint. */
const weightTag = UInt32Value.value.number * 8;

/** The parts of a route that are looked into, each a bit of its own; the needed ones are never missing. */
const parts = { none: 0, action: 1, metadata: 2, needed: 3, match: 4, name: 8 } as const;

/** What nearly all upgrades are, as a field of the action. */
const usualUpgrade = new KnownBytes(
  encodeField(
    RouteAction.upgrade_configs,
    encodeField(UpgradeConfig.upgrade_type, encodeString('websocket')),
  ),
);
/** The first of the two bytes of its tag. */
const firstOfUpgrade = (tagOf(RouteAction.upgrade_configs) & 0x7f) | 0x80;

// By their numbers: the fields that are not passed over, as they have a tag here or tell something.
const ofRoute = numbers(...actionNumbers, ...numbersOf(Route.match, Route.metadata, Route.name));
const ofMatch = numbers();
const ofAction = numbers(
  ...destinationsByNumber.keys(),
  ...numbersOf(RouteAction.request_mirror_policies, RouteAction.upgrade_configs),
);
const ofSplit = numbers(WeightedCluster.clusters.number);
const ofEntry = numbers(
  ...numbersOf(ClusterWeight.name, ClusterWeight.weight, ClusterWeight.cluster_header),
);

function numbersOf(...some: readonly { readonly number: number }[]): number[] {
  return some.map(({ number }) => number);
}

/**
 * Scans routes as nearly all are: that forward to one cluster or to one split, with metadata as Envoy Gateway
 * encodes it, and with no upgrade but to WebSocket. It goes by words, and looks at each field once.
 */
export class UsualRouteScan {
  readonly #object = new UsualObjectScan();
  #nameFrom = 0;
  #nameTo = 0;
  #traits = 0;

  /**
   * Adds what a scan tells of the route that lies `from` one offset `to` another. False says that it looks
   * otherwise, malformed perhaps, and nothing else about it: then nothing was added.
   */
  scan(words: DataView, from: number, to: number, columns: RouteColumns): boolean {
    if (to + bytesBehind > words.byteLength) return false;
    const { clusters } = columns;
    const before = clusters.length;
    this.#nameFrom = 0;
    this.#nameTo = 0;
    let seen = 0;
    let at = from;
    while (at < to) {
      const part = partOf(wordAt(words, at) & 0xff);
      if (part === parts.none) at = pass(words, at, to, ofRoute);
      else at = (seen & part) === 0 ? this.#passPart(words, at, to, clusters) : nowhere;
      seen |= part;
    }
    if (at !== to || (seen & parts.needed) !== parts.needed) {
      clusters.truncate(before);
      return false;
    }
    columns.endRoute(this.#traits, this.#nameFrom, this.#nameTo);
    columns.addObject(this.#object.object, this.#object.name);
    return true;
  }

  #passPart(words: DataView, at: number, limit: number, clusters: Column): number {
    const head = wordAt(words, at);
    const from = valueStartOf(head, at);
    const to = valueEndOf(head, at);
    if (to > limit) return nowhere;
    switch (head & 0xff) {
      case matchTag:
        return passAll(words, from, to, ofMatch);
      case actionTag:
        return this.#passAction(words, from, to, clusters);
      case metadataTag:
        return this.#object.read(words, from, to) ? to : nowhere;
      default:
        this.#nameFrom = from;
        this.#nameTo = to;
        return to;
    }
  }

  #passAction(words: DataView, from: number, to: number, clusters: Column): number {
    this.#traits = 0;
    let at = from;
    while (at < to) {
      const tag = wordAt(words, at) & 0xff;
      if (tag === clusterTag || tag === splitTag) at = this.#passTarget(words, at, to, clusters);
      else if (tag !== firstOfUpgrade || !usualUpgrade.isAt(words, at)) {
        at = pass(words, at, to, ofAction);
      } else at += usualUpgrade.length;
    }
    return at === to && this.#traits !== 0 ? to : nowhere;
  }

  /** Moves behind the cluster, or the split, of an action: it has one of them. */
  #passTarget(words: DataView, at: number, limit: number, clusters: Column): number {
    if (this.#traits !== 0) return nowhere;
    this.#traits = routeTraits.forwards;
    if ((wordAt(words, at) & 0xff) === clusterTag) return passCluster(words, at, limit, clusters);
    this.#traits |= routeTraits.weighted;
    return passSplit(words, at, limit, clusters);
  }
}

function partOf(tag: number): number {
  switch (tag) {
    case matchTag:
      return parts.match;
    case actionTag:
      return parts.action;
    case metadataTag:
      return parts.metadata;
    default:
      return tag === nameTag ? parts.name : parts.none;
  }
}

function passAll(words: DataView, from: number, to: number, told: Uint8Array): number {
  let at = from;
  while (at < to) at = pass(words, at, to, told);
  return at;
}

/** Moves behind the name of a cluster, which it adds. */
function passCluster(words: DataView, at: number, limit: number, clusters: Column): number {
  const head = wordAt(words, at);
  const from = valueStartOf(head, at);
  const to = valueEndOf(head, at);
  if (to > limit || from === to) return nowhere; // an empty one is odd in a split
  clusters.push(hashWords(words, from, to));
  return to;
}

function passSplit(words: DataView, start: number, limit: number, clusters: Column): number {
  const head = wordAt(words, start);
  const to = valueEndOf(head, start);
  if (to > limit) return nowhere;
  let at = valueStartOf(head, start);
  while (at < to) {
    const isEntry = (wordAt(words, at) & 0xff) === entryTag;
    at = isEntry ? passEntry(words, at, to, clusters) : pass(words, at, to, ofSplit);
  }
  return at === to ? to : nowhere;
}

/** Moves behind an entry that has one name and at most one weight. */
function passEntry(words: DataView, start: number, limit: number, clusters: Column): number {
  const head = wordAt(words, start);
  const to = valueEndOf(head, start);
  if (to > limit) return nowhere;
  let at = valueStartOf(head, start);
  let names = 0;
  let weights = 0;
  while (at < to) {
    const tag = wordAt(words, at) & 0xff;
    if (tag === entryNameTag) {
      names++;
      at = passCluster(words, at, to, clusters);
    } else if (tag === entryWeightTag) {
      weights++;
      at = passWeight(words, at, to);
    } else at = pass(words, at, to, ofEntry);
  }
  return at === to && names === 1 && weights < 2 ? to : nowhere;
}

/** Moves behind a weight: nothing, which is 0, or a varint of at most two bytes. */
function passWeight(words: DataView, at: number, limit: number): number {
  const from = at + 2;
  const word = wordAt(words, from);
  let to = from;
  if ((word & 0x80ff) === weightTag) to = from + 2;
  else if ((word & 0x80_80ff) === (0x8000 | weightTag)) to = from + 3;
  return valueEndOf(wordAt(words, at), at) === to && to <= limit ? to : nowhere;
}
