import { tunnelCluster } from '../../../src/rewrites/offline-connectors/messages.ts';
import type { ConnectorEntry } from '../../../src/state/connectors.ts';
import type { EncodedMessage } from '../../../src/xds/snapshot.ts';
import { type Edit, EditedRequest } from './edited-request.ts';
import { BareHost, type Claim } from './host.ts';
import { BareListener } from './listener.ts';
import { fieldSize, Scratch } from './scratch.ts';
import { enter, hashOf, Part, readVarint, skip, walk, walkOver } from './walk.ts';

const tags = {
  ...{ clusters: 0x12, listeners: 0x22, routes: 0x2a },
  ...{ name: 0x0a, virtualHosts: 0x12 },
};

/**
 * The least that a server in JavaScript can do to answer as Offramp does, for the connectors of the benchmark’s
 * fleet: it walks the request by offsets, and writes what changes into one buffer. It checks nothing, knows the
 * routes of a connector by their clusters alone, reports nothing, and takes no messages but those that Go encodes.
 */
export class BareRewrite {
  readonly #claims: ReadonlyMap<number, Claim>;
  readonly #scratch = new Scratch();
  readonly #host: BareHost;
  readonly #needConnect = new Set<number>();
  readonly #listener = new BareListener(this.#needConnect);
  readonly #name = new Part();

  constructor(connectors: readonly ConnectorEntry[]) {
    this.#claims = new Map(connectors.flatMap(claimsOf));
    this.#host = new BareHost(this.#claims, this.#scratch);
  }

  /** The answer, which is to be copied before the next one is asked for. */
  answer(request: Buffer): EncodedMessage {
    const starts: number[] = [];
    const edits: Edit[] = [];
    const listeners: number[] = [];
    this.#scratch.at = 0;
    this.#needConnect.clear();
    walkOver(new Uint8Array(request.buffer, request.byteOffset, request.length));
    while (walk.at < request.length) {
      const start = walk.at;
      starts.push(start);
      const tag = readVarint();
      const end = enter();
      const from = this.#scratch.at;
      if (tag === tags.clusters) this.#rewriteCluster();
      else if (tag === tags.routes) this.#rewriteConfiguration(request, end);
      else if (tag === tags.listeners) listeners.push(start);
      if (this.#scratch.at > from) edits.push({ start, end, from, to: this.#scratch.at });
      walk.at = end;
    }
    for (const start of listeners) this.#rewriteListener(request, start, edits);
    edits.sort((one, other) => one.start - other.start);
    return new EditedRequest(request, starts, edits, this.#scratch);
  }

  /** The cluster at which the walk is; its name comes first. */
  #rewriteCluster(): void {
    if (readVarint() !== tags.name) return;
    this.#name.take();
    const claim = this.#claims.get(this.#name.hash);
    if (claim === undefined || claim === 'offline') return;
    this.#scratch.makeRoom(fieldSize(claim.tunnel.length));
    this.#scratch.head(tags.clusters, claim.tunnel.length);
    this.#scratch.put(claim.tunnel);
  }

  #rewriteConfiguration(request: Buffer, end: number): void {
    const scratch = this.#scratch;
    const from = walk.at;
    const begun = scratch.at;
    const hosts: Edit[] = [];
    let length = end - from;
    let needsConnect = false;
    while (walk.at < end) {
      const start = walk.at;
      const tag = readVarint();
      if (tag === tags.name) this.#name.take();
      else if (tag !== tags.virtualHosts) skip(tag);
      else {
        const to = this.#rewriteHost(request, start, hosts);
        length += to;
        needsConnect ||= to !== 0 && this.#host.needsConnect;
      }
    }
    if (needsConnect) this.#needConnect.add(this.#name.hash);
    if (hosts.length === 0) return;
    // The hosts are in the scratch already: what is written now goes behind them, then to their place.
    scratch.makeRoom(length + 10);
    const whole = scratch.at;
    scratch.head(tags.routes, length);
    let done = from;
    for (const host of hosts) {
      scratch.copy(request, done, host.start);
      scratch.head(tags.virtualHosts, host.to - host.from);
      scratch.copy(scratch.bytes, host.from, host.to);
      done = host.end;
    }
    scratch.copy(request, done, end);
    scratch.bytes.copyWithin(begun, whole, scratch.at);
    scratch.at -= whole - begun;
  }

  /** By how many bytes the virtual host at which the walk is gets longer. */
  #rewriteHost(request: Buffer, start: number, hosts: Edit[]): number {
    const end = enter();
    const from = walk.at;
    const isClaimed = this.#host.read(end);
    if (isClaimed) {
      const to = this.#scratch.at;
      this.#host.write(request, from, end);
      hosts.push({ start, end, from: to, to: this.#scratch.at });
    }
    walk.at = end;
    const last = hosts.at(-1);
    return isClaimed && last !== undefined ? fieldSize(last.to - last.from) - (end - start) : 0;
  }

  #rewriteListener(request: Buffer, start: number, edits: Edit[]): void {
    walk.at = start;
    readVarint();
    const end = enter();
    const whole = { from: walk.at, to: end, scratch: this.#scratch };
    if (!this.#listener.read(end)) return;
    const from = this.#scratch.at;
    this.#listener.write(request, tags.listeners, whole);
    edits.push({ start, end, from, to: this.#scratch.at });
  }
}

/** What a connector makes of the clusters of its routes, by the hashes of their names. */
function claimsOf({ connector, routes }: ConnectorEntry): [number, Claim][] {
  return routes.map(({ namespace, name: route, rule }) => {
    const name = `httproute/${namespace}/${route}/rule/${rule}`;
    const hash = hashOf(Buffer.from(name), 0, name.length);
    if (!connector.online) return [hash, 'offline'];
    const { tunnel } = connector;
    const options = { name, tunnel, internalListener: 'connector-tunnel', http2: false };
    return [hash, { tunnel: tunnelCluster(options) }];
  });
}
