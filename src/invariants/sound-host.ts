import { absentCluster } from '../rewrites/offline-connectors/messages.ts';
import { encodeString, tagOf } from '../xds/encoding.ts';
import { endOfField, isLengthDelimited, startOfValue } from '../xds/field-ends.ts';
import type { FieldReader } from '../xds/field-reader.ts';
import { fields } from '../xds/fields.ts';
import { hasBytesAt } from '../xds/text.ts';
import { isRouteSound, type RouteRules } from './sound-route.ts';
import { Spans } from './spans.ts';

const { VirtualHost } = fields;

/** How many routes a rewrite may have taken away in one place, and the rest is still found again. */
export const lookAhead = 8;

/** Bytes; the engine's own comparison takes longer to call than shorter values to compare. */
const shortValue = 64;

/** What holds for all virtual hosts of a route configuration. */
export interface HostRules {
  readonly maxBodyBytes: number;
  /** Whether a route to an absent cluster gets nothing rejected. */
  readonly mayBeAbsent: boolean;
}

const nothing = new Uint8Array();
const { compare } = Buffer.prototype;
const nameTag = tagOf(VirtualHost.name);
const domainsTag = tagOf(VirtualHost.domains);
const routesTag = tagOf(VirtualHost.routes);

const absent = encodeString(absentCluster);

/**
 * Tells of nearly every changed virtual host of a route configuration that nothing is wrong with it, in
 * one pass over each and without a view of its routes. The others have to be examined.
 */
export class HostCheck implements RouteRules {
  readonly maxBodyBytes: number;
  /** Whether the virtual host that was found sound last has the domains that it had. */
  hasEqualDomains = false;
  readonly #mayBeAbsent: boolean;
  #before: Uint8Array = nothing;
  #after: Uint8Array = nothing;
  /** Where the virtual host was, in `#before`. */
  #beforeFrom = 0;
  #beforeTo = 0;
  /** What it was, once it was searched. */
  #searched: Buffer | undefined;

  constructor(rules: HostRules) {
    this.#mayBeAbsent = rules.mayBeAbsent;
    this.maxBodyBytes = rules.maxBodyBytes;
  }

  /**
   * Whether nothing is wrong with the virtual host at which `after` stands; `before` stands at what it
   * was. False where that is not seen at a glance, and where one of them is malformed.
   */
  isSound(before: FieldReader, after: FieldReader): boolean {
    this.#searched = undefined;
    this.#before = before.message;
    this.#after = after.message;
    this.#beforeFrom = before.valueStart;
    this.#beforeTo = before.end;
    return (
      then.read(before.message, before.valueStart, before.end) &&
      this.#isSound(after.valueStart, after.end)
    );
  }

  #isSound(from: number, to: number): boolean {
    const { names, domains } = then;
    const message = this.#after;
    let name = 0;
    let domain = 0;
    let route = 0;
    let hasEqualDomains = true;
    for (let at = from; at < to; ) {
      const end = endOfField(message, at, to);
      if (end === -1 || isOdd(message, at)) return false;
      switch (message[at]) {
        case nameTag:
          if (!this.#isAt(startOfValue(message, at), end, names, name)) return false;
          name += 2;
          break;
        case domainsTag:
          hasEqualDomains &&= this.#isAt(startOfValue(message, at), end, domains, domain);
          domain += 2;
          break;
        case routesTag:
          route = this.#passRoute(startOfValue(message, at), end, route);
          if (route === -1) return false;
      }
      at = end;
    }
    this.hasEqualDomains = hasEqualDomains && domain === domains.length;
    return domain > 0 && name === names.length;
  }

  /**
   * Where the next route is looked for: behind this one if it was there before; -1 when it is new, and
   * not sound.
   */
  #passRoute(valueStart: number, end: number, from: number): number {
    const { routes } = then;
    const to = Math.min(routes.length, from + 2 * lookAhead);
    for (let at = from; at < to; at += 2)
      if (this.#isAt(valueStart, end, routes, at)) return at + 2;
    return isRouteSound(this.#after, valueStart, end, this) ? from : -1;
  }

  /** Whether a value is what was at a place. */
  #isAt(valueStart: number, end: number, spans: Spans, at: number): boolean {
    const from = spans.at(at);
    const to = spans.at(at + 1);
    if (from === undefined || to === undefined || to - from !== end - valueStart) return false;
    const before = this.#before;
    const after = this.#after;
    if (to - from > shortValue) return compare.call(after, before, from, to, valueStart, end) === 0;
    for (let offset = to - from - 1; offset >= 0; offset--) {
      if (before[from + offset] !== after[valueStart + offset]) return false;
    }
    return true;
  }

  /** Whether the virtual host named a cluster before, or it is the one that is absent on purpose. */
  allowsCluster(message: Uint8Array, from: number, to: number): boolean {
    if (this.#mayBeAbsent && isAbsentCluster(message, from, to)) return true;
    const length = to - from;
    if (length === 0 || length >= 0x80 || message[from - 1] !== length) return false;
    this.#searched ??= bytesOf(this.#before, this.#beforeFrom, this.#beforeTo);
    return this.#searched.includes(bytesOf(message, from - 1, to)); // its length, and its text
  }
}

function isAbsentCluster(message: Uint8Array, from: number, to: number): boolean {
  return to - from === absent.length && hasBytesAt(message, from, absent);
}

function bytesOf({ buffer, byteOffset }: Uint8Array, from: number, to: number): Buffer {
  return Buffer.from(buffer, byteOffset + from, to - from);
}

/** Whether a field has the number of one that is looked at, but not its wire type. */
function isOdd(message: Uint8Array, at: number): boolean {
  if (isLengthDelimited(message, at)) return false;
  switch ((message[at] ?? 0) >>> 3) {
    case VirtualHost.name.number:
    case VirtualHost.domains.number:
    case VirtualHost.routes.number:
      return true;
    default:
      return false; // nor has one whose tag has two bytes: its number is larger than these
  }
}

/** Where a virtual host has what another one is compared with. Keeps nothing of the message. */
class Outline {
  readonly names = new Spans();
  readonly domains = new Spans();
  readonly routes = new Spans();

  /** False when it is malformed or oddly encoded. */
  read(message: Uint8Array, from: number, to: number): boolean {
    this.names.clear();
    this.domains.clear();
    this.routes.clear();
    for (let at = from; at < to; ) {
      const end = endOfField(message, at, to);
      if (end === -1 || isOdd(message, at)) return false;
      this.#spansOf(message[at] ?? 0)?.add(startOfValue(message, at), end);
      at = end;
    }
    return true;
  }

  #spansOf(tag: number): Spans | undefined {
    switch (tag) {
      case nameTag:
        return this.names;
      case domainsTag:
        return this.domains;
      case routesTag:
        return this.routes;
      default:
        return undefined;
    }
  }
}

/** What the virtual host was with which one is compared; used again and again. */
const then = new Outline();
