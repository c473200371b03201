import { lookup } from 'node:dns/promises';
import { createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import { resolve } from 'node:path';
import type { Logger } from 'pino';
import { readAddress } from '../config/addresses.ts';
import { OfframpError, reasonOf } from '../errors.ts';
import { makeRoomForSocket } from './unix-socket.ts';

/** A bound address. */
export interface Listener {
  /** host:port with the real port, or unix: and the whole path. */
  readonly address: string;
  /** Accepts no more; connections that are there stay. */
  close(): void;
}

/** What a listener does with connections. */
export interface ListenerOptions {
  /** At a time; a further one goes to `refused` and is closed, unless `makeRoom` closes another. */
  readonly maxConnections: number;
  readonly makeRoom: () => boolean;
  readonly accepted: (socket: Socket) => void;
  readonly refused: (socket: Socket) => void;
  /** Told when the number of connections changes. */
  readonly counted: (open: number) => void;
  readonly log: Logger;
}

/**
 * Listens on host:port, at each address of the host, or on unix:path. Throws OfframpError:
 * address-unusable.
 */
export async function listen(address: string, options: ListenerOptions): Promise<Listener> {
  const read = readAddress(address);
  const accept = acceptFor(options);
  if (read.kind === 'unix') {
    await makeRoomForSocket(read.socket, options.log).catch((error: unknown) => {
      throw unusable(address, reasonOf(error));
    });
    const server = await bind(address, { path: read.socket }, accept);
    // Node removes the socket when it closes.
    return { address: `unix:${resolve(read.socket)}`, close: () => void server.close() };
  }
  const [first, ...others] = await addressesOf(read.host, address);
  const server = await bind(address, { host: first, port: read.port }, accept);
  const port = portOf(server);
  const servers = [server];
  for (const host of others) {
    // As `localhost` is, of which a machine may have one of two only.
    const further = await bind(address, { host, port }, accept).catch(() => undefined);
    if (further !== undefined) servers.push(further);
  }
  return {
    address: address.replace(/:\d+$/, `:${port}`),
    close: () => {
      for (const one of servers) one.close();
    },
  };
}

/** One limit for all addresses of a host. */
function acceptFor(options: ListenerOptions): (socket: Socket) => void {
  let open = 0;
  return (socket) => {
    if (open >= options.maxConnections && !options.makeRoom()) {
      options.refused(socket);
      socket.destroy();
      return;
    }
    options.counted(++open);
    socket.once('close', () => options.counted(--open));
    // A reset before TLS or HTTP/2 listen for it would end the process.
    socket.on('error', () => socket.destroy());
    options.accepted(socket);
  };
}

async function addressesOf(host: string, address: string): Promise<readonly [string, ...string[]]> {
  try {
    const found = await lookup(host, { all: true });
    const [first, ...others] = [...new Set(found.map((one) => one.address))];
    if (first !== undefined) return [first, ...others];
  } catch (error) {
    throw unusable(address, reasonOf(error));
  }
  throw unusable(address, `${host} has no address`);
}

function bind(
  address: string,
  options: ListenOptions,
  accept: (socket: Socket) => void,
): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ noDelay: true }, accept);
    server.once('error', (error) => reject(unusable(address, error.message)));
    server.listen(options, () => resolve(server));
  });
}

function portOf(server: Server): number {
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('no TCP address');
  return bound.port;
}

function unusable(address: string, reason: string): OfframpError {
  return new OfframpError('address-unusable', [`grpc.address ${address}: ${reason}`]);
}
