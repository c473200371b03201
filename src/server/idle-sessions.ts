import type { ServerHttp2Session } from 'node:http2';
import { peerOf } from './peer.ts';
import type { Refusals } from './refusals.ts';

/** HTTP/2 connections on which no call was made yet: their places are those of others, if these want them. */
export class IdleSessions {
  readonly #refusals: Refusals;
  readonly #sessions = new Set<ServerHttp2Session>();

  constructor(refusals: Refusals) {
    this.#refusals = refusals;
  }

  /** A new connection. With its first call it leaves for good. */
  add(session: ServerHttp2Session): void {
    this.#sessions.add(session);
    const forget = () => this.#sessions.delete(session);
    session.once('stream', forget);
    session.once('close', forget);
  }

  /** Closes the one that waits longest. Answers whether there was one. */
  makeRoom(): boolean {
    const [longest] = this.#sessions;
    if (longest === undefined) return false;
    this.#sessions.delete(longest);
    this.#refusals.connection('made-room', peerOf(longest.socket), { why: 'it never made a call' });
    longest.destroy();
    return true;
  }
}
