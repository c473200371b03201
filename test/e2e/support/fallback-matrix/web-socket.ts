import http from 'node:http';
import type { Duplex } from 'node:stream';
import { webSocketHandshake } from '../send-request.ts';
import { type Exchange, linesOf } from './exchange.ts';

/** Asks for a WebSocket and, once there is one, sends bytes until as many came back: the body. */
export function openWebSocket(
  target: { readonly port: number; readonly host: string; readonly path: string },
  headers: Readonly<Record<string, string>>,
  sent: Buffer,
): Promise<Exchange> {
  return new Promise((resolve, reject) => {
    const { port, host, path } = target;
    const request = http.request({
      host: '127.0.0.1',
      port,
      path,
      headers: { host, ...webSocketHandshake, ...headers },
      agent: false,
    });
    const settle = (response: http.IncomingMessage, received: Buffer) =>
      resolve({
        status: response.statusCode ?? 0,
        headers: linesOf(response.rawHeaders),
        body: received,
        trailers: linesOf(response.rawTrailers),
        ending: 'complete',
      });
    request.on('error', reject);
    request.on('upgrade', async (response, socket) => {
      socket.write(sent);
      settle(response, await read(socket, sent.length));
      socket.destroy();
    });
    request.on('response', async (response) => {
      const parts: Buffer[] = [];
      for await (const part of response) parts.push(part);
      settle(response, Buffer.concat(parts));
    });
    request.end();
  });
}

async function read(socket: Duplex, length: number): Promise<Buffer> {
  let received = Buffer.alloc(0);
  for await (const part of socket.iterator({ destroyOnReturn: false })) {
    received = Buffer.concat([received, part]);
    if (received.length >= length) break;
  }
  return received;
}
