// Contender: gRPC's frames on Node's own HTTP/2, and nothing else: what grpc-js itself costs is the rest.
import { createServer, type ServerHttp2Stream } from 'node:http2';
import { windowBytes } from '../../src/server/http2-windows.ts';

const server = createServer({ settings: { initialWindowSize: windowBytes } });
server.on('session', (session) => session.setLocalWindowSize(windowBytes));
server.on('stream', (stream: ServerHttp2Stream) => {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.on('end', () => {
    const headers = { ':status': 200, 'content-type': 'application/grpc' };
    stream.respond(headers, { waitForTrailers: true });
    stream.end(Buffer.concat(chunks)); // a server has to have a message whole before it answers
  });
});
const address = process.argv[2] ?? '';
const socket = /^unix:(.+)$/.exec(address)?.[1];
const listening = () => console.log('listening');
if (socket !== undefined) server.listen(socket, listening);
else server.listen(Number(address.replace(/^.*:/, '')), '127.0.0.1', listening);
