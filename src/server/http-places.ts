import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Places for so many connections. One that has no request under way, be it kept alive or silent, holds its
 * place only until another wants it.
 */
export class HttpPlaces {
  readonly #limit: number;
  readonly #taken = new Set<Socket>();
  /** Those of them without a request under way; who waits longest comes first. */
  readonly #idle = new Set<Socket>();
  readonly #underWay = new WeakMap<Socket, number>();

  constructor(limit: number, server: Server) {
    this.#limit = limit;
    server.prependListener('request', ({ socket }, response) => {
      this.#count(socket, 1);
      response.once('close', () => this.#count(socket, -1));
    });
  }

  /** Gives a new connection a place, if need be that of the one that was idle longest: that goes to `leave`. */
  take(socket: Socket, leave: (longest: Socket) => void): boolean {
    if (this.#taken.size >= this.#limit) {
      const [longest] = this.#idle;
      if (longest === undefined) return false;
      this.#free(longest);
      leave(longest);
    }
    this.#taken.add(socket);
    this.#idle.add(socket);
    socket.once('close', () => this.#free(socket));
    return true;
  }

  /** A client may send several requests ahead. */
  #count(socket: Socket, change: 1 | -1): void {
    const underWay = (this.#underWay.get(socket) ?? 0) + change;
    this.#underWay.set(socket, underWay);
    this.#idle.delete(socket);
    if (underWay === 0 && this.#taken.has(socket)) this.#idle.add(socket);
  }

  #free(socket: Socket): void {
    this.#taken.delete(socket);
    this.#idle.delete(socket);
  }
}
