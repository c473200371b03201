import type { Socket } from 'node:net';

/**
 * Who is at the other end of a connection, as grpc-js says it of calls: address and port; of a unix
 * socket that `numberPeers` named, its number.
 */
export function peerOf(socket: object): string {
  const [address, port] = ['remoteAddress', 'remotePort'].map((name) => Reflect.get(socket, name));
  if (address === undefined) return 'unknown';
  return port === undefined ? String(address) : `${address}:${port}`;
}

/**
 * Names connections of one unix socket, which have no address: `unix#1`, `unix#2` and so on. The name
 * is given before HTTP/2, TLS and grpc-js look: without it all callers would be the same one to them.
 */
export function numberPeers(): (socket: Socket) => void {
  let last = 0;
  return (socket) => {
    if (socket.remoteAddress !== undefined) return;
    Object.defineProperty(socket, 'remoteAddress', { value: `unix#${++last}` });
  };
}
