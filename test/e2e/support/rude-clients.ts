import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';

/** How many connections are opened before the next ones: the kernel queues no more than so many. */
const atATime = 500;

/** Connections on which nothing is ever said. */
export interface IdleConnections {
  /** How many of them are still open. */
  open(): number;
  end(): void;
}

/** Opens so many connections to a port of this machine. */
export async function openIdle(port: number, count: number): Promise<IdleConnections> {
  const sockets = new Set<Socket>();
  for (let opened = 0; opened < count; opened += atATime) {
    await Promise.all(Array.from({ length: atATime }, () => openOne(port, sockets)));
  }
  return {
    open: () => sockets.size,
    end: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}

function openOne(port: number, sockets: Set<Socket>): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      sockets.add(socket);
      resolve();
    });
    socket.on('error', () => resolve()).resume();
    socket.once('close', () => sockets.delete(socket));
  });
}

/**
 * Sends a byte of the text at a time, five a second, until it is cut off; answers after how many
 * seconds. Throws when it never was.
 */
export async function trickle(socket: Socket | TLSSocket, text: string): Promise<number> {
  const started = performance.now();
  let isClosed = false;
  socket.on('error', () => undefined).resume();
  socket.once('close', () => {
    isClosed = true;
  });
  for (let at = 0; !isClosed && at < text.length; at++) {
    socket.write(text.charAt(at));
    await sleep(200);
  }
  if (!isClosed) throw new Error(`the server has taken ${text.length} bytes, one at a time`);
  return (performance.now() - started) / 1000;
}

/** The HTTP status of the answer to raw bytes; undefined when the connection was closed without one. */
export async function askRaw(port: number, text: string): Promise<number | undefined> {
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  await new Promise<void>((resolve) => {
    socket
      .on('data', (bytes) => {
        answer += String(bytes);
      })
      .on('error', () => undefined)
      .once('close', () => resolve());
    socket.write(text);
  });
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1];
  return status === undefined ? undefined : Number(status);
}

/** How many connections an Offramp has refused at a port, by reason. */
export async function refusalsAt(
  url: string,
  port: 'grpc' | 'http',
): Promise<Readonly<Record<string, number>>> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const lines = text.matchAll(
    /^offramp_connections_refused_total\{port="(\w+)",reason="([\w-]+)"\} (\d+)$/gm,
  );
  return Object.fromEntries(
    [...lines]
      .filter(([, itsPort]) => itsPort === port)
      .map(([, , reason = '', count]) => [reason, Number(count)]),
  );
}
