import { routeTraits } from './action-scan.ts';
import type { Column } from './column.ts';
import { encodeField, tagOf } from './encoding.ts';
import { fields } from './fields.ts';
import { hashWords } from './name-hash.ts';
import { actionNumbers, destinationsByNumber, webSocketUpgrade } from './route.ts';
import { Span } from './span.ts';
import { ObjectSpans, readUsualObject } from './usual-object.ts';
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

const { Route, RouteMatch, RouteAction, WeightedCluster, ClusterWeight, UInt32Value } = fields;

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

/** As a field of the action. */
const usualUpgrade = new KnownBytes(encodeField(RouteAction.upgrade_configs, webSocketUpgrade));
/** The first of the two bytes of its tag. */
const firstOfUpgrade = (tagOf(RouteAction.upgrade_configs) & 0x7f) | 0x80;

// By their numbers: the fields that are not passed over, as they have a tag here or tell something.
const ofRoute = numbers(...actionNumbers, ...numbersOf(Route.match, Route.metadata, Route.name));
const ofMatch = numbers(RouteMatch.connect_matcher.number);
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
 * Reads routes as nearly all are: that forward to one cluster or to one split, with metadata as Envoy Gateway
 * encodes it, by no CONNECT matcher, and with no upgrade but to WebSocket, which is just switched on. It goes
 * by words, looks at each field once, and makes nothing of it.
 */
export class UsualRoute {
  /** Where the name of the route is that was read last; empty when it has none. */
  readonly name = new Span();
  /** Where its cluster is named; of a split the last one. */
  readonly cluster = new Span();
  readonly object = new ObjectSpans();
  /** A sum of `routeTraits`. */
  traits = 0;
  /** Whether it switches WebSocket on. */
  hasWebSocket = false;

  /**
   * Reads the route that lies `from` one offset `to` another, and adds the hashes of the clusters that it
   * names. False says that it looks otherwise, malformed perhaps, and nothing else about it: then nothing
   * was added.
   */
  read(words: DataView, from: number, to: number, clusters: Column): boolean {
    if (to + bytesBehind > words.byteLength) return false;
    const before = clusters.length;
    this.name.set(0, 0);
    let seen = 0;
    let at = from;
    while (at < to) {
      const part = partOf(wordAt(words, at) & 0xff);
      if (part === parts.none) at = pass(words, at, to, ofRoute);
      else at = (seen & part) === 0 ? this.#passPart(words, at, to, clusters) : nowhere;
      seen |= part;
    }
    if (at === to && (seen & parts.needed) === parts.needed) return true;
    clusters.truncate(before);
    return false;
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
        return readUsualObject(words, from, to, this.object) ? to : nowhere;
      default:
        this.name.set(from, to);
        return to;
    }
  }

  #passAction(words: DataView, from: number, to: number, clusters: Column): number {
    this.traits = 0;
    this.hasWebSocket = false;
    let at = from;
    while (at < to) {
      const tag = wordAt(words, at) & 0xff;
      if (tag === clusterTag || tag === splitTag) at = this.#passTarget(words, at, to, clusters);
      else if (tag !== firstOfUpgrade || !usualUpgrade.isAt(words, at)) {
        at = pass(words, at, to, ofAction);
      } else at = this.#passUpgrade(at);
    }
    return at === to && this.traits !== 0 ? to : nowhere;
  }

  #passUpgrade(at: number): number {
    if (this.hasWebSocket) return nowhere;
    this.hasWebSocket = true;
    return at + usualUpgrade.length;
  }

  /** Moves behind the cluster, or the split, of an action: it has one of them. */
  #passTarget(words: DataView, at: number, limit: number, clusters: Column): number {
    if (this.traits !== 0) return nowhere;
    this.traits = routeTraits.forwards;
    if ((wordAt(words, at) & 0xff) === clusterTag) {
      return this.#passCluster(words, at, limit, clusters);
    }
    this.traits |= routeTraits.weighted;
    return this.#passSplit(words, at, limit, clusters);
  }

  /** Moves behind the name of a cluster, which it adds. */
  #passCluster(words: DataView, at: number, limit: number, clusters: Column): number {
    const head = wordAt(words, at);
    const from = valueStartOf(head, at);
    const to = valueEndOf(head, at);
    if (to > limit || from === to) return nowhere; // an empty one is odd in a split
    this.cluster.set(from, to);
    clusters.push(hashWords(words, from, to));
    return to;
  }

  #passSplit(words: DataView, start: number, limit: number, clusters: Column): number {
    const head = wordAt(words, start);
    const to = valueEndOf(head, start);
    if (to > limit) return nowhere;
    let at = valueStartOf(head, start);
    while (at < to) {
      const isEntry = (wordAt(words, at) & 0xff) === entryTag;
      at = isEntry ? this.#passEntry(words, at, to, clusters) : pass(words, at, to, ofSplit);
    }
    return at === to ? to : nowhere;
  }

  /** Moves behind an entry that has one name and at most one weight. */
  #passEntry(words: DataView, start: number, limit: number, clusters: Column): number {
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
        at = this.#passCluster(words, at, to, clusters);
      } else if (tag === entryWeightTag) {
        weights++;
        at = passWeight(words, at, to);
      } else at = pass(words, at, to, ofEntry);
    }
    return at === to && names === 1 && weights < 2 ? to : nowhere;
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

/** Moves behind a weight: nothing, which is 0, or a varint of at most two bytes. */
function passWeight(words: DataView, at: number, limit: number): number {
  const from = at + 2;
  const word = wordAt(words, from);
  let to = from;
  if ((word & 0x80ff) === weightTag) to = from + 2;
  else if ((word & 0x80_80ff) === (0x8000 | weightTag)) to = from + 3;
  return valueEndOf(wordAt(words, at), at) === to && to <= limit ? to : nowhere;
}
