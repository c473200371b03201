import type { BackwardWriter } from '../../xds/backward-writer.ts';
import { fields } from '../../xds/fields.ts';
import type { AnsweredRoute } from './answered-route.ts';
import {
  absentClusterAction,
  type OfflineAnswer,
  upgradeHeaderMatcher,
  wrapConnectRoute,
  writeTunnelAction,
} from './messages.ts';
import { ourDomain } from './our-domains.ts';
import { type ConnectRouteKind, connectRouteName, upgradeRouteName } from './own-routes.ts';

const { VirtualHost, Route, RouteMatch } = fields;

/** What a virtual host becomes: decided and reported, but not written yet. */
export interface HostEdit {
  /** Writes it in front of what a writer has. */
  writeTo(writer: BackwardWriter): void;
}

/** One that is made of these pieces. */
export class PiecedHost implements HostEdit {
  readonly #pieces: readonly Uint8Array[];

  constructor(pieces: readonly Uint8Array[]) {
    this.#pieces = pieces;
  }

  writeTo(writer: BackwardWriter): void {
    writer.all(this.#pieces);
  }
}

/** A virtual host of the usual form: where it lies in a message, and what it is among our names. */
export interface UsualSpan {
  readonly message: Uint8Array;
  readonly from: number;
  /** Where its first route’s field begins. */
  readonly firstRoute: number;
  readonly to: number;
  /** ASCII, as all names of ours. */
  readonly ourName: string;
}

/** One whose CONNECT requests go through a tunnel, for which it may get a domain of ours. */
export class TunnelledHost implements HostEdit {
  readonly #span: UsualSpan;
  readonly #cluster: string;
  readonly #getsDomain: boolean;

  constructor(span: UsualSpan, cluster: string, getsDomain: boolean) {
    this.#span = span;
    this.#cluster = cluster;
    this.#getsDomain = getsDomain;
  }

  writeTo(writer: BackwardWriter): void {
    const { message, from, firstRoute, to, ourName } = this.#span;
    if (this.#getsDomain) {
      const behind = writer.length;
      writer.characters(domainSuffix);
      writer.characters(ourName);
      writer.wrap(VirtualHost.domains, behind);
    }
    writer.part(message, firstRoute, to);
    const behind = writer.length;
    writeTunnelAction(this.#cluster, writer);
    writeConnectHead('connect', ourName, behind, writer);
    writer.part(message, from, firstRoute);
  }
}

/** One some of whose routes are answered, and its CONNECT requests too. */
export class AnsweredHost implements HostEdit {
  readonly #span: UsualSpan;
  readonly #routes: readonly AnsweredRoute[];
  readonly #answer: OfflineAnswer;

  constructor(span: UsualSpan, routes: readonly AnsweredRoute[], answer: OfflineAnswer) {
    this.#span = span;
    this.#routes = routes;
    this.#answer = answer;
  }

  writeTo(writer: BackwardWriter): void {
    const { message, from, firstRoute, to, ourName } = this.#span;
    const { directResponse, headers } = this.#answer;
    let behind = to;
    for (let index = this.#routes.length - 1; index >= 0; index--) {
      const route = this.#routes[index];
      if (route === undefined) continue;
      writer.part(message, route.to, behind);
      this.#writeAnswered(route, writer);
      this.#writeRefusals(route, writer);
      behind = route.start;
    }
    writer.part(message, firstRoute, behind);
    const behindConnect = writer.length;
    writer.all(headers);
    writer.bytes(directResponse);
    writeConnectHead('offline', ourName, behindConnect, writer);
    writer.part(message, from, firstRoute);
  }

  /** Writes a route, with the answer as its action. */
  #writeAnswered(
    { from, to, actionStart, actionEnd }: AnsweredRoute,
    writer: BackwardWriter,
  ): void {
    const { message } = this.#span;
    const { directResponse, headers } = this.#answer;
    const behind = writer.length;
    writer.all(headers);
    writer.part(message, actionEnd, to);
    writer.bytes(directResponse);
    writer.part(message, from, actionStart);
    writer.wrap(VirtualHost.routes, behind);
  }

  /** Writes clones of a route, one for each upgrade that is refused. */
  #writeRefusals(route: AnsweredRoute, writer: BackwardWriter): void {
    const { upgrades, its } = route;
    for (let at = upgrades.length - 1; at >= 0; at--) {
      const upgrade = upgrades[at] ?? '';
      const behind = writer.length;
      writer.all(this.#answer.headers);
      const behindName = writer.length;
      writer.characters(upgradeRouteName('', upgrade));
      writer.characters(its.view.name);
      writer.wrap(Route.name, behindName);
      this.#writeRefusingRest(route, upgrade, writer);
      writer.wrap(VirtualHost.routes, behind);
    }
  }

  /** Writes all but the name, backwards through its three fields, in whatever order they are. */
  #writeRefusingRest(route: AnsweredRoute, upgrade: string, writer: BackwardWriter): void {
    const { message } = this.#span;
    const { from, nameStart, nameEnd, matchStart, matchFrom, matchEnd, actionStart, actionEnd } =
      route;
    let done = route.to;
    while (done > from) {
      const next = lastBefore(done, route);
      if (next === nameStart) writer.part(message, nameEnd, done);
      else if (next === matchStart) {
        writer.part(message, matchEnd, done);
        const behind = writer.length;
        writer.bytes(upgradeHeaderMatcher(upgrade));
        writer.wrap(RouteMatch.headers, behind);
        writer.part(message, matchFrom, matchEnd);
        writer.wrap(Route.match, behind);
      } else if (next === actionStart) {
        writer.part(message, actionEnd, done);
        const behind = writer.length;
        writer.bytes(absentClusterAction(upgrade));
        writer.wrap(Route.route, behind);
      } else writer.part(message, from, done);
      done = next;
    }
  }
}

/** Where the last of the fields begins that are not copied, in front of an offset; else where the route does. */
function lastBefore(
  end: number,
  { from, nameStart, matchStart, actionStart }: AnsweredRoute,
): number {
  let last = -1;
  if (nameStart < end) last = nameStart;
  if (matchStart < end && matchStart > last) last = matchStart;
  if (actionStart < end && actionStart > last) last = actionStart;
  return last === -1 ? from : last;
}

const domainSuffix = ourDomain('');
/** What the names of our CONNECT routes begin with. */
const prefixes = {
  offline: connectRouteName('offline', ''),
  connect: connectRouteName('connect', ''),
} as const satisfies Record<ConnectRouteKind, string>;

/** Makes what was written since there were `behind` bytes the rest of our CONNECT route. */
function writeConnectHead(
  kind: ConnectRouteKind,
  ourName: string,
  behind: number,
  writer: BackwardWriter,
): void {
  const behindName = writer.length;
  writer.characters(ourName);
  writer.characters(prefixes[kind]);
  writer.wrap(Route.name, behindName);
  wrapConnectRoute(behind, writer);
}
