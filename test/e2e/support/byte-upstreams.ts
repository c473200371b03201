import net from 'node:net';
import { Transform } from 'node:stream';
import { type Listening, listenOnLoopback } from './listen.ts';

/**
 * A TCP server that speaks first, its name and a newline, and then answers each byte with its
 * complement: what comes back can come from nobody else.
 */
export function startTcpUpstream(name: string): Promise<Listening> {
  const server = net.createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.write(`${name}\n`);
    socket.pipe(complementing()).pipe(socket);
  });
  return listenOnLoopback(server);
}

/** What `startTcpUpstream` answers to these bytes. */
export function complementOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.map((byte) => ~byte));
}

function complementing(): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      done(null, complementOf(chunk));
    },
  });
}
