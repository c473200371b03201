import {
  absentClusterAction,
  upgradeHeaderMatcher,
} from '../../../src/rewrites/offline-connectors/messages.ts';
import { encodeMessage } from '../../../src/xds/build.ts';
import { encodeField } from '../../../src/xds/encoding.ts';
import { fields } from '../../../src/xds/fields.ts';
import { fieldSize, type Scratch } from './scratch.ts';
import { enter, Part, readVarint, skip, walk } from './walk.ts';

/** What the state says of a cluster: what stands in its place, or that its connector is offline. */
export type Claim = { readonly tunnel: Uint8Array } | 'offline';

const tags = {
  ...{ hostName: 0x0a, domains: 0x12, routes: 0x1a },
  ...{ match: 0x0a, action: 0x12, routeName: 0x72 },
  ...{ cluster: 0x0a, upgrades: 25 * 8 + 2 },
};

const { Route, RouteMatch } = fields;
const offlineAnswer = encodeMessage('envoy.config.route.v3.Route', {
  direct_response: { status: 503, body: { inline_string: 'Tunnel not online' } },
});
const connectMatch = encodeMessage('envoy.config.route.v3.Route', {
  match: { connect_matcher: {} },
});
const upgradeConnect = encodeMessage('envoy.config.route.v3.RouteAction', {
  upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} }],
});
const refusal = {
  action: encodeField(Route.route, absentClusterAction('websocket')),
  header: encodeField(RouteMatch.headers, upgradeHeaderMatcher('websocket')),
  suffix: '/offline-websocket',
};
const connect = { offline: 'connector-offline-', online: 'connector-connect-' };
const domainSuffix = '.connector.internal';

const dash = 0x2d;
/** By their codes: what a host name may have. */
const isKept = Uint8Array.from({ length: 256 }, (_, code) =>
  /[a-z0-9.-]/.test(String.fromCharCode(code)) ? 1 : 0,
);

/** The virtual host that is rewritten: one is used for all of them. */
export class BareHost {
  readonly #claims: ReadonlyMap<number, Claim>;
  readonly #scratch: Scratch;
  readonly #name = new Part();
  /** Of each route that a connector claims: where its field begins, where its value does, where both end. */
  readonly #claimed: number[] = [];
  readonly #match = new Part();
  readonly #action = new Part();
  readonly #cluster = new Part();
  readonly #routeName = new Part();
  /** A cluster of an online connector; empty when there is none. */
  readonly #tunnel = new Part();
  #upgrades = 0;
  #isAnswered = false;

  constructor(claims: ReadonlyMap<number, Claim>, scratch: Scratch) {
    this.#claims = claims;
    this.#scratch = scratch;
  }

  /** Whether CONNECT to it is answered, too. */
  get needsConnect(): boolean {
    return this.#isAnswered && this.#tunnel.length === 0;
  }

  /** Walks the one at which the walk is, up to its end; false when it stays as it is. */
  read(end: number): boolean {
    this.#claimed.length = 0;
    this.#tunnel.set(0, 0);
    this.#isAnswered = false;
    while (walk.at < end) {
      const start = walk.at;
      const tag = readVarint();
      if (tag === tags.routes) this.#claimRoute(start, enter());
      else if (tag === tags.hostName) this.#name.take();
      else skip(tag);
    }
    return this.#claimed.length > 0;
  }

  /** Writes it as it becomes, without its head, after `read`. */
  write(request: Buffer, from: number, to: number): void {
    const scratch = this.#scratch;
    scratch.makeRoom(2 * (to - from) + 2_000);
    if (this.#tunnel.length > 0) this.#writeTunnelRoute(request);
    else if (this.#isAnswered) this.#writeOfflineRoute();
    let done = from;
    for (let at = 0; at < this.#claimed.length; at += 3) {
      const [start = 0, valueStart = 0, end = 0] = this.#claimed.slice(at, at + 3);
      walk.at = valueStart;
      if (this.#readRoute(end) !== 'offline') continue;
      scratch.copy(request, done, start);
      for (let count = 0; count < this.#upgrades; count++) this.#writeRefusal(request, end);
      this.#writeAnswered(request, valueStart, end);
      done = end;
    }
    scratch.copy(request, done, to);
    if (this.#tunnel.length > 0) {
      scratch.head(tags.domains, this.#name.length + domainSuffix.length);
      this.#writeOurName();
      scratch.ascii(domainSuffix);
    }
  }

  #claimRoute(start: number, end: number): void {
    const valueStart = walk.at;
    const claim = this.#readRoute(end);
    if (claim === undefined) return;
    this.#claimed.push(start, valueStart, end);
    if (claim === 'offline') this.#isAnswered = true;
    else if (this.#tunnel.length === 0) this.#tunnel.set(this.#cluster.from, this.#cluster.to);
  }

  #readRoute(end: number): Claim | undefined {
    this.#cluster.set(0, 0);
    this.#upgrades = 0;
    while (walk.at < end) {
      const tag = readVarint();
      if (tag === tags.action) this.#readAction();
      else if (tag === tags.match) this.#match.take();
      else if (tag === tags.routeName) this.#routeName.take();
      else skip(tag);
    }
    return this.#cluster.length === 0 ? undefined : this.#claims.get(this.#cluster.hash);
  }

  #readAction(): void {
    const end = enter();
    this.#action.set(walk.at, end);
    while (walk.at < end) {
      const tag = readVarint();
      if (tag === tags.cluster) this.#cluster.take();
      else {
        if (tag === tags.upgrades) this.#upgrades++;
        skip(tag);
      }
    }
  }

  #writeTunnelRoute(request: Buffer): void {
    const scratch = this.#scratch;
    const nameLength = connect.online.length + this.#name.length;
    const actionLength = fieldSize(this.#tunnel.length) + upgradeConnect.length;
    const length = connectMatch.length + fieldSize(nameLength) + fieldSize(actionLength);
    scratch.head(tags.routes, length);
    scratch.put(connectMatch);
    scratch.head(tags.routeName, nameLength);
    scratch.ascii(connect.online);
    this.#writeOurName();
    scratch.head(tags.action, actionLength);
    scratch.head(tags.cluster, this.#tunnel.length);
    scratch.copy(request, this.#tunnel.from, this.#tunnel.to);
    scratch.put(upgradeConnect);
  }

  #writeOfflineRoute(): void {
    const scratch = this.#scratch;
    const nameLength = connect.offline.length + this.#name.length;
    scratch.head(tags.routes, connectMatch.length + fieldSize(nameLength) + offlineAnswer.length);
    scratch.put(connectMatch);
    scratch.head(tags.routeName, nameLength);
    scratch.ascii(connect.offline);
    this.#writeOurName();
    scratch.put(offlineAnswer);
  }

  /** The route that was read last, for upgrades; its match, action and name are in this order, as Go writes them. */
  #writeRefusal(request: Buffer, end: number): void {
    const scratch = this.#scratch;
    const [match, action, name] = [this.#match, this.#action, this.#routeName];
    const matchLength = match.length + refusal.header.length;
    const nameLength = name.length + refusal.suffix.length;
    const kept = name.start - action.to + (end - name.to);
    const changed = fieldSize(matchLength) + refusal.action.length + fieldSize(nameLength);
    scratch.head(tags.routes, kept + changed);
    scratch.head(tags.match, matchLength);
    scratch.copy(request, match.from, match.to);
    scratch.put(refusal.header);
    scratch.put(refusal.action);
    scratch.copy(request, action.to, name.start);
    scratch.head(tags.routeName, nameLength);
    scratch.copy(request, name.from, name.to);
    scratch.ascii(refusal.suffix);
    scratch.copy(request, name.to, end);
  }

  /** The route that was read last, answered. */
  #writeAnswered(request: Buffer, from: number, end: number): void {
    const scratch = this.#scratch;
    const { start, to } = this.#action;
    scratch.head(tags.routes, start - from + offlineAnswer.length + (end - to));
    scratch.copy(request, from, start);
    scratch.put(offlineAnswer);
    scratch.copy(request, to, end);
  }

  #writeOurName(): void {
    for (let at = this.#name.from; at < this.#name.to; at++) {
      const byte = walk.bytes[at] ?? 0;
      this.#scratch.byte(isKept[byte] === 1 ? byte : dash);
    }
  }
}
