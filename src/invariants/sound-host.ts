import { absentCluster } from '../rewrites/offline-connectors/messages.ts';
import { encodeString } from '../xds/encoding.ts';
import { type FieldReader, spareReader } from '../xds/field-reader.ts';
import { fields } from '../xds/fields.ts';
import { MalformedMessageError } from '../xds/malformed.ts';
import { expectLengthDelimited, over } from '../xds/wire-type.ts';
import { isValueAt } from './equal-bytes.ts';
import { isRouteSound, type RouteRules } from './sound-route.ts';

const { RouteConfiguration, VirtualHost } = fields;

/** How many routes a rewrite may have taken away in one place, and the rest is still found again. */
export const lookAhead = 8;

/** Bytes; the engine's own comparison takes longer to call than shorter values to compare. */
const shortValue = 64;

/** One for each virtual host, used again and again. */
const readers = { before: spareReader(), after: spareReader() };

/** What holds for all virtual hosts of a route configuration. */
export interface HostRules {
  readonly maxBodyBytes: number;
  /** Whether a route to an absent cluster gets nothing rejected. */
  readonly mayBeAbsent: boolean;
}

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
  #before: Buffer | undefined;

  constructor(rules: HostRules) {
    this.#mayBeAbsent = rules.mayBeAbsent;
    this.maxBodyBytes = rules.maxBodyBytes;
  }

  /**
   * Whether nothing is wrong with the virtual host at which `after` stands; `before` stands at what it
   * was. False where that is not seen at a glance, and where one of them is malformed.
   */
  isSound(before: FieldReader, after: FieldReader): boolean {
    this.#before = undefined;
    try {
      then.read(over(before, RouteConfiguration.virtual_hosts, readers.before));
      return this.#isSound(over(after, RouteConfiguration.virtual_hosts, readers.after));
    } catch (error) {
      if (!(error instanceof MalformedMessageError)) throw error;
      return false;
    }
  }

  #isSound(host: FieldReader): boolean {
    const { names, domains } = then;
    let name = 0;
    let domain = 0;
    let route = 0;
    let hasEqualDomains = true;
    while (host.next()) {
      switch (host.number) {
        case VirtualHost.name.number:
          expectLengthDelimited(host, VirtualHost.name);
          if (!this.#isAt(host, names, name)) return false;
          name += 2;
          break;
        case VirtualHost.domains.number:
          expectLengthDelimited(host, VirtualHost.domains);
          hasEqualDomains &&= this.#isAt(host, domains, domain);
          domain += 2;
          break;
        case VirtualHost.routes.number:
          expectLengthDelimited(host, VirtualHost.routes);
          route = this.#passRoute(host, route);
          if (route === -1) return false;
      }
    }
    this.hasEqualDomains = hasEqualDomains && domain === domains.length;
    return domain > 0 && name === names.length;
  }

  /**
   * Where the next route is looked for: behind this one if it was there before; -1 when it is new, and
   * not sound.
   */
  #passRoute(host: FieldReader, from: number): number {
    const { routes } = then;
    const to = Math.min(routes.length, from + 2 * lookAhead);
    for (let at = from; at < to; at += 2) if (this.#isAt(host, routes, at)) return at + 2;
    return isRouteSound(host, this) ? from : -1;
  }

  /** Whether the reader's value is what was at a place. */
  #isAt(value: FieldReader, places: Places, at: number): boolean {
    const { message, valueStart, end } = value;
    const from = places.at(at);
    const to = places.at(at + 1);
    if (from === undefined || to === undefined || to - from !== end - valueStart) return false;
    const before = readers.before.message;
    if (to - from > shortValue) return isValueAt(value, before, from);
    for (let offset = to - from - 1; offset >= 0; offset--) {
      if (before[from + offset] !== message[valueStart + offset]) return false;
    }
    return true;
  }

  /** Whether the virtual host named a cluster before, or it is the one that is absent on purpose. */
  allowsCluster(name: FieldReader): boolean {
    if (this.#mayBeAbsent && name.isValue(absent)) return true;
    const { message, valueStart, end } = name;
    const length = end - valueStart;
    if (length === 0 || length >= 0x80 || message[valueStart - 1] !== length) return false;
    this.#before ??= bytesOf(readers.before, then.start);
    const { buffer, byteOffset } = message;
    const lengthAndText = Buffer.from(buffer, byteOffset + valueStart - 1, length + 1);
    return this.#before.includes(lengthAndText);
  }
}

function bytesOf({ message: { buffer, byteOffset }, limit }: FieldReader, from: number): Buffer {
  return Buffer.from(buffer, byteOffset + from, limit - from);
}

/** Places in a message: of each value from, to. Not an array, whose memory would go when it is cleared. */
class Places {
  length = 0;
  readonly #numbers: number[] = [];

  clear(): void {
    this.length = 0;
  }

  add({ valueStart, end }: FieldReader): void {
    this.#numbers[this.length] = valueStart;
    this.#numbers[this.length + 1] = end;
    this.length += 2;
  }

  at(index: number): number | undefined {
    return index < this.length ? this.#numbers[index] : undefined;
  }
}

/** Where a virtual host has what another one is compared with. */
class Outline {
  start = 0;
  readonly names = new Places();
  readonly domains = new Places();
  readonly routes = new Places();

  read(host: FieldReader): void {
    this.start = host.end;
    this.names.clear();
    this.domains.clear();
    this.routes.clear();
    while (host.next()) {
      const places = this.#placesOf(host);
      if (places === undefined) continue;
      expectLengthDelimited(host, VirtualHost.routes);
      places.add(host);
    }
  }

  #placesOf({ number }: FieldReader): Places | undefined {
    switch (number) {
      case VirtualHost.name.number:
        return this.names;
      case VirtualHost.domains.number:
        return this.domains;
      case VirtualHost.routes.number:
        return this.routes;
      default:
        return undefined;
    }
  }
}

/** What the virtual host was with which one is compared; used again and again. */
const then = new Outline();
