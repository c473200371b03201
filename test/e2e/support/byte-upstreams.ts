import dgram from 'node:dgram';
import https from 'node:https';
import net from 'node:net';
import { Transform } from 'node:stream';
import type { Certificate } from './certificate.ts';
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

/** An HTTPS server that answers its name; Envoy passes its TLS through. */
export function startHttpsUpstream(name: string, certificate: Certificate): Promise<Listening> {
  return listenOnLoopback(
    https.createServer(certificate, (_, response) => response.end(`${name}\n`)),
  );
}

/** A UDP server that answers each datagram with its name and what came. */
export async function startUdpUpstream(name: string): Promise<Listening> {
  const socket = dgram.createSocket('udp4');
  socket.on('message', (message, { port, address }) => {
    socket.send(`${name}: ${message}`, port, address);
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(0, '127.0.0.1', resolve);
  });
  const stop = () => new Promise<void>((resolve) => socket.close(() => resolve()));
  return { port: socket.address().port, stop };
}

function complementing(): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      done(null, complementOf(chunk));
    },
  });
}
