import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import http2 from 'node:http2';
import type { Server } from 'node:net';
import { listenOnLoopback } from './listen.ts';

/** A request as the upstream saw it. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** A small server on 127.0.0.1 that answers its name and counts what reaches it. */
export interface Upstream {
  readonly name: string;
  readonly port: number;
  /** The requests so far, CONNECT and upgrades included, in their order. */
  requests(): readonly SeenRequest[];
  requestCount(): number;
  connectionCount(): number;
  /** Sets the counts back to zero. */
  reset(): void;
  /** Closes the server and its connections. */
  stop(): Promise<void>;
}

/** Answers a request in place of the default, which is 200 and the upstream's name. */
export type Respond = (request: IncomingMessage, response: ServerResponse) => void;

interface ListeningServer {
  readonly server: Server;
  readonly seen: SeenRequest[];
}

/** An HTTP/1.1 upstream; a CONNECT that reaches it is answered 200 and then echoed. */
export async function startHttpUpstream(name: string, respond?: Respond): Promise<Upstream> {
  const seen: SeenRequest[] = [];
  const see = (request: IncomingMessage): void => {
    const { method = '', url = '', headers } = request;
    seen.push({ method, path: url, headers });
  };
  const server = createServer((request, response) => {
    see(request);
    if (respond !== undefined) return respond(request, response);
    request.resume();
    response.writeHead(200, { 'content-type': 'text/plain', 'x-upstream': name }).end(`${name}\n`);
  });
  // Else Node closes what was idle for 5 s, perhaps while Envoy sends a request: a 503 of nobody's.
  server.keepAliveTimeout = 0;
  server.on('connect', (request, socket) => {
    see(request);
    socket.on('error', () => socket.destroy());
    socket.write(`HTTP/1.1 200 Connection established\r\nx-upstream: ${name}\r\n\r\n`);
    socket.pipe(socket);
  });
  return listen(name, { server, seen });
}

/**
 * An HTTP/2 upstream without TLS. It answers any gRPC method with status OK and one message whose
 * field 1 is its name, any other request with 200 and its name.
 */
export async function startGrpcUpstream(name: string): Promise<Upstream> {
  const seen: SeenRequest[] = [];
  const server = http2.createServer((request, response) => {
    const { method, url, headers } = request;
    seen.push({ method, path: url, headers });
    request.resume();
    const isGrpc = headers['content-type']?.startsWith('application/grpc') === true;
    if (!isGrpc) return void response.writeHead(200, { 'x-upstream': name }).end(`${name}\n`);
    response.writeHead(200, { 'content-type': 'application/grpc', 'x-upstream': name });
    response.addTrailers({ 'grpc-status': '0' });
    response.end(grpcFrame(Buffer.from(name)));
  });
  return listen(name, { server, seen });
}

/** One uncompressed gRPC message with a string in field 1. */
function grpcFrame(text: Buffer): Buffer {
  const message = Buffer.concat([Buffer.of(0x0a, text.length), text]);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

async function listen(name: string, { server, seen }: ListeningServer): Promise<Upstream> {
  let connections = 0;
  server.on('connection', () => {
    connections += 1;
  });
  const { port, stop } = await listenOnLoopback(server);
  return {
    name,
    port,
    requests: () => [...seen],
    requestCount: () => seen.length,
    connectionCount: () => connections,
    reset: () => {
      seen.length = 0;
      connections = 0;
    },
    stop,
  };
}
