import { encodeField, encodeString, tagOf } from './encoding.ts';
import { wireTypes } from './field-reader.ts';
import { fields } from './fields.ts';
import { actionNumbers, destinationsByNumber } from './route.ts';
import { hasBytesAt } from './text.ts';
import { Place, UsualObject } from './usual-object.ts';
import { nowhere, numbers } from './words.ts';

const { Route, RouteMatch, RouteAction, UpgradeConfig } = fields;

/** The parts of a route that are read, each a bit of its own; `match` may be missing. */
const parts = { match: 1, action: 2, metadata: 4, name: 8, all: 15 } as const;

/** By the tags of their fields, which have one byte; 0 for all others. */
const partByTag = new Uint8Array(256);
partByTag[tagOf(Route.match)] = parts.match;
partByTag[tagOf(Route.route)] = parts.action;
partByTag[tagOf(Route.metadata)] = parts.metadata;
partByTag[tagOf(Route.name)] = parts.name;

const cluster = tagOf(RouteAction.cluster);

/** What nearly all upgrades are, as a field of the action. */
const usualUpgrade = encodeField(
  RouteAction.upgrade_configs,
  encodeField(UpgradeConfig.upgrade_type, encodeString('websocket')),
);

/** By their numbers: 1 for the fields of each message that are not passed over. */
const ofRoute = numbers(
  ...actionNumbers,
  Route.match.number,
  Route.metadata.number,
  Route.name.number,
);
const ofMatch = numbers(RouteMatch.connect_matcher.number);
const ofAction = numbers(
  ...destinationsByNumber.keys(),
  RouteAction.request_mirror_policies.number,
  RouteAction.upgrade_configs.number,
);

/**
 * Finds what tells whose a route is, where it forwards as nearly all do: to one cluster, with metadata
 * as Envoy Gateway encodes it, by no CONNECT matcher, and with no upgrade but WebSocket, which is just
 * switched on. It is read by offsets, and nothing is made of it.
 */
export class UsualRoute {
  readonly name = new Place();
  readonly cluster = new Place();
  readonly kind = new Place();
  readonly namespace = new Place();
  readonly objectName = new Place();
  /** Whether it switches WebSocket on. */
  hasWebSocket = false;

  readonly #object = new UsualObject(this.namespace, this.objectName, this.kind);
  #at = 0;

  /**
   * Reads a route that lies in a message `from` one offset `to` another. False says that it looks
   * otherwise, malformed perhaps, and nothing else about it.
   */
  read(message: Uint8Array, from: number, to: number): boolean {
    this.#at = from;
    let seen = 0;
    while (this.#at < to) {
      const part = partByTag[message[this.#at] ?? 0] ?? 0;
      if ((seen & part) !== 0 || !this.#readPart(part, message, to)) return false;
      seen |= part;
    }
    return (seen | parts.match) === parts.all;
  }

  #readPart(part: number, message: Uint8Array, to: number): boolean {
    switch (part) {
      case parts.match:
        return this.#readMatch(message, to);
      case parts.action:
        return this.#readAction(message, to);
      case parts.metadata:
        return this.#readObject(message, to);
      case parts.name:
        return this.#readText(message, to, this.name);
      default:
        return this.#pass(message, to, ofRoute);
    }
  }

  #readMatch(message: Uint8Array, to: number): boolean {
    const end = this.#enter(message);
    if (end > to) return false;
    while (this.#at < end) if (!this.#pass(message, end, ofMatch)) return false;
    return true;
  }

  #readAction(message: Uint8Array, to: number): boolean {
    const end = this.#enter(message);
    if (end > to) return false;
    let clusters = 0;
    let upgrades = 0;
    while (this.#at < end) {
      if (message[this.#at] === cluster) {
        clusters++;
        if (!this.#readText(message, end, this.cluster)) return false;
      } else if (
        this.#at + usualUpgrade.length <= end &&
        hasBytesAt(message, this.#at, usualUpgrade)
      ) {
        upgrades++;
        this.#at += usualUpgrade.length;
      } else if (!this.#pass(message, end, ofAction)) return false;
    }
    this.hasWebSocket = upgrades === 1;
    return clusters === 1 && upgrades < 2;
  }

  #readObject(message: Uint8Array, to: number): boolean {
    const end = this.#enter(message);
    if (end > to || !this.#object.read(message, this.#at, end)) return false;
    this.#at = end;
    return true;
  }

  #readText(message: Uint8Array, to: number, place: Place): boolean {
    const end = this.#enter(message);
    if (end > to) return false;
    place.set(this.#at, end);
    this.#at = end;
    return true;
  }

  /** Moves behind a field that tells nothing; false when it does, or is encoded in an unusual way. */
  #pass(message: Uint8Array, to: number, telling: Uint8Array): boolean {
    const low = message[this.#at] ?? 0;
    const high = low < 0x80 ? 0 : (message[this.#at + 1] ?? 0);
    if (high >= 0x80) return false;
    const number = ((low & 0x7f) | (high << 7)) >>> 3;
    if (number === 0 || telling[number] === 1) return false;
    if (low >= 0x80) this.#at++;
    switch (low & 7) {
      case wireTypes.lengthDelimited:
        this.#at = this.#enter(message);
        break;
      case wireTypes.varint:
        this.#at += 2;
        if ((message[this.#at - 1] ?? 0x80) >= 0x80) return false;
        break;
      default:
        return false;
    }
    return this.#at <= to;
  }

  /**
   * Moves from the last byte of a tag to the value behind it, and answers where that ends: `nowhere` when
   * its length has more than two bytes.
   */
  #enter(message: Uint8Array): number {
    const at = this.#at + 1;
    const low = message[at] ?? 0x80;
    this.#at = at + 1;
    if (low < 0x80) return at + 1 + low;
    const high = message[at + 1] ?? 0x80;
    this.#at = at + 2;
    return high < 0x80 ? at + 2 + (low & 0x7f) + high * 0x80 : nowhere;
  }
}
