import { tagOf } from '../../xds/encoding.ts';
import { endOfField, startOfValue } from '../../xds/field-ends.ts';
import { fields } from '../../xds/fields.ts';
import { ourDomain } from './our-domains.ts';

const { VirtualHost, Route, RouteMatch } = fields;

const hostName = tagOf(VirtualHost.name);
const hostDomains = tagOf(VirtualHost.domains);
const hostRoutes = tagOf(VirtualHost.routes);
/** The two bytes of a tag of `matcher`, the first of them without its wire type. */
const matcherLow = ((VirtualHost.matcher.number * 8) & 0x7f) | 0x80;
const matcherHigh = VirtualHost.matcher.number >>> 4;
const ourSuffix = ourDomain('');
const routeName = tagOf(Route.name);
const routeMatch = tagOf(Route.match);

/**
 * Where a virtual host of the usual form has what the rewrite of connectors asks for: one name, no matcher
 * tree, and routes of which none is for CONNECT, has HTTP filters of its own, or a name like our own
 * routes’. Walked once, by offsets; used again and again. All offsets are into the message it lies in.
 */
export class UsualHost {
  nameFrom = 0;
  nameTo = 0;
  readonly #routes: number[] = [];
  #routesLength = 0;
  readonly #domains: number[] = [];
  #domainsLength = 0;

  /**
   * Reads the virtual host that lies in a message `from` one offset `to` another. False says that it is of
   * another form, malformed perhaps, and nothing else.
   */
  read(message: Uint8Array, from: number, to: number): boolean {
    this.nameTo = -1;
    this.#routesLength = 0;
    this.#domainsLength = 0;
    for (let at = from; at < to; ) {
      const end = endOfField(message, at, to);
      if (end === -1 || !this.#note(message, at, end)) return false;
      at = end;
    }
    return this.nameTo !== -1 && this.#routesLength > 0;
  }

  #note(message: Uint8Array, at: number, end: number): boolean {
    switch (message[at]) {
      case hostRoutes:
        return this.#noteRoute(message, at, end);
      case hostDomains:
        this.#domains[this.#domainsLength++] = startOfValue(message, at);
        this.#domains[this.#domainsLength++] = end;
        return true;
      case hostName:
        if (this.nameTo !== -1) return false;
        this.nameFrom = startOfValue(message, at);
        this.nameTo = end;
        return true;
      default:
        return isPassedBy(message, at);
    }
  }

  #noteRoute(message: Uint8Array, at: number, end: number): boolean {
    const from = startOfValue(message, at);
    this.#routes[this.#routesLength++] = at;
    this.#routes[this.#routesLength++] = from;
    this.#routes[this.#routesLength++] = end;
    return isUsualRoute(message, from, end);
  }

  /** Where the field of the route at a place begins. */
  routeStart(place: number): number {
    return this.#routes[3 * place] ?? 0;
  }

  /** Where the route at a place begins itself. */
  routeFrom(place: number): number {
    return this.#routes[3 * place + 1] ?? 0;
  }

  /** Where the route at a place ends. */
  routeTo(place: number): number {
    return this.#routes[3 * place + 2] ?? 0;
  }

  /** Whether it has the domain of ours with this name, which is ASCII. */
  hasOurDomain(message: Uint8Array, ourName: string): boolean {
    for (let at = 0; at < this.#domainsLength; at += 2) {
      const from = this.#domains[at] ?? 0;
      const suffixFrom = from + ourName.length;
      if ((this.#domains[at + 1] ?? 0) - suffixFrom !== ourSuffix.length) continue;
      if (isTextAt(message, suffixFrom, ourSuffix) && isTextAt(message, from, ourName)) return true;
    }
    return false;
  }
}

/** Whether a field is none of those that are looked at, in whatever wire type. */
function isPassedBy(message: Uint8Array, at: number): boolean {
  const tag = message[at] ?? 0;
  if (tag < 0x80) {
    const number = tag >>> 3;
    return (
      number !== VirtualHost.name.number &&
      number !== VirtualHost.domains.number &&
      number !== VirtualHost.routes.number
    );
  }
  return (tag & 0xf8) !== matcherLow || message[at + 1] !== matcherHigh;
}

function isTextAt(message: Uint8Array, from: number, text: string): boolean {
  for (let at = text.length - 1; at >= 0; at--) {
    if (message[from + at] !== text.charCodeAt(at)) return false;
  }
  return true;
}

/** What the names of our CONNECT routes begin with. */
const ownPrefix = 'connector-';

function isUsualRoute(message: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; ) {
    const end = endOfField(message, at, to);
    if (end === -1 || !isUsualInRoute(message, at, end)) return false;
    at = end;
  }
  return true;
}

function isUsualInRoute(message: Uint8Array, at: number, end: number): boolean {
  const tag = message[at] ?? 0;
  switch (tag) {
    case routeMatch:
      return isUsualMatch(message, startOfValue(message, at), end);
    case routeName:
      return !isTextAt(message, startOfValue(message, at), ownPrefix);
    default:
      return tag >= 0x80 || !isUnusualOfRoute(tag >>> 3);
  }
}

/** Whether a route is unusual that has a field with this number, in another wire type if it has a usual one. */
function isUnusualOfRoute(number: number): boolean {
  return (
    number === Route.match.number ||
    number === Route.name.number ||
    number === Route.typed_per_filter_config.number
  );
}

function isUsualMatch(message: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; ) {
    const end = endOfField(message, at, to);
    if (end === -1) return false;
    const tag = message[at] ?? 0;
    if (tag < 0x80 && tag >>> 3 === RouteMatch.connect_matcher.number) return false;
    at = end;
  }
  return true;
}
