import type { Server, ServerOptions } from 'node:http';
import type { Socket } from 'node:net';
import type { ConnectionRefusal, ServerMetrics } from '../observe/server-metrics.ts';
import { HttpPlaces } from './http-places.ts';
import { peerOf } from './peer.ts';
import type { Refusals } from './refusals.ts';

/** Bytes of a request's line and headers together; a scrape has a few hundred. */
const maxHeaderBytes = 8 * 1024;

/** How much one client may ask of the HTTP port. */
interface HttpPatience {
  readonly connections: number;
  /** In milliseconds. */
  readonly timeout: number;
}

/** Node's own limits, for requests that have to arrive in so many milliseconds. */
export function serverLimits(timeout: number): ServerOptions {
  return {
    maxHeaderSize: maxHeaderBytes,
    headersTimeout: timeout,
    requestTimeout: timeout,
    connectionsCheckingInterval: Math.min(1000, timeout),
    keepAliveTimeout: 5000,
  };
}

/**
 * Counts connections and ends those of slow clients. Answers which connections are more than there
 * may be while all others are busy: they get a 503, and beyond as many again they are closed without a word.
 */
export function guardConnections(
  server: Server,
  { connections, timeout }: HttpPatience,
  { metrics, refusals }: { readonly metrics: ServerMetrics; readonly refusals: Refusals },
): (socket: Socket) => boolean {
  const surplus = new WeakSet<Socket>();
  const failed = new WeakSet<object>();
  const places = new HttpPlaces(connections, server);
  let open = 0;
  server.maxConnections = 2 * connections;
  server.on('drop', (dropped) => refusals.connection('too-many', peerOf(dropped ?? {})));
  server.setTimeout(timeout, (socket) => {
    refusals.connection('too-slow', peerOf(socket));
    socket.destroy();
  });
  server.prependListener('connection', (socket) => {
    const isPlaced = places.take(socket, (longest) => {
      refusals.connection('made-room', peerOf(longest), { why: 'it had no request under way' });
      longest.destroy();
    });
    if (!isPlaced) {
      surplus.add(socket);
      refusals.connection('too-many', peerOf(socket));
    }
    metrics.connections.set({ port: 'http' }, ++open);
    socket.once('close', () => metrics.connections.set({ port: 'http' }, --open));
  });
  server.on('clientError', (error, socket) => {
    const code = 'code' in error ? String(error.code) : '';
    const { status, reason } = refusalFor(code);
    // Once for each connection: what follows a broken request is broken, too.
    if (failed.has(socket)) return void socket.destroy();
    failed.add(socket);
    if (code !== 'ECONNRESET') refusals.connection(reason, peerOf(socket), { why: code });
    if (!socket.writable) return void socket.destroy();
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  });
  return (socket) => surplus.has(socket);
}

function refusalFor(code: string): { readonly status: string; readonly reason: ConnectionRefusal } {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return { status: '408 Request Timeout', reason: 'too-slow' };
  }
  if (code === 'HPE_HEADER_OVERFLOW') {
    return { status: '431 Request Header Fields Too Large', reason: 'malformed' };
  }
  return { status: '400 Bad Request', reason: 'malformed' };
}
