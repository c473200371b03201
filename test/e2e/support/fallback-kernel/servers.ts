import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { listenOnLoopback } from '../listen.ts';
import { LIMIT } from './configuration.ts';

/** A request to the byte. */
export interface WholeRequest {
  readonly method: string;
  readonly path: string;
  /** Name, value, name, value, as on the wire. */
  readonly headers: readonly string[];
  readonly body: string;
}

/** A server that keeps what it was asked. */
export interface RecordingServer {
  readonly port: number;
  /** The requests since the last call. */
  take(): WholeRequest[];
  stop(): Promise<void>;
}

export const GONE = '{"code":"browser_gone","message":"gone"}';

/** Answers of the VM: the client names one in `x-case`; without it everything is fine. */
const answers: Readonly<Record<string, (response: ServerResponse) => void>> = {
  gone: (response) => answerWith(response, GONE),
  'gone-chunked': (response) => {
    response.writeHead(404, { 'content-type': 'application/problem+json; charset=utf-8' });
    response.write(GONE.slice(0, 9));
    setTimeout(() => response.end(GONE.slice(9)), 20);
  },
  'gone-chunked-with-trailers': (response) => {
    response.writeHead(404, { 'content-type': 'application/json', trailer: 'x-trailer' });
    response.write(GONE);
    response.addTrailers({ 'x-trailer': '1' });
    response.end();
  },
  'other-code': (response) => answerWith(response, '{"code":"not_found","d":"browser_gone"}'),
  'with-forged-headers': (response) =>
    answerWith(response, '{}', { ...forged, location: '/browsers/live/telemetry/events' }),
  'forged-redirect': (response) => {
    response.writeHead(303, { ...forged, location: 'http://gateway.test/secret' }).end();
  },
  'own-redirect': (response) => {
    response.writeHead(303, { location: '/secret' }).end();
  },
  'gone-early': (response) => answerWith(response, GONE, { location: '/elsewhere' }),
  long: (response) => answerWith(response, longAnswer),
  'long-chunked': (response) => {
    response.writeHead(404, { 'content-type': 'application/json' });
    response.write(longAnswer.slice(0, LIMIT));
    setTimeout(() => response.end(longAnswer.slice(LIMIT)), 20);
  },
  'endless-chunked': (response) => {
    response.writeHead(404, { 'content-type': 'application/json' });
    response.end('x'.repeat(20 * LIMIT));
  },
  truncated: (response) => {
    const headers = { 'content-type': 'application/json', 'content-length': 100 };
    response.writeHead(404, headers).write('{"code":"brows');
    setTimeout(() => response.destroy(), 20);
  },
};

const forged = {
  'x-offramp-control-plane': 'vm-route',
  'x-offramp-original': '%3Apath=%2Fsecret&%3Aauthority=gateway.test',
};

const longAnswer = JSON.stringify({ code: 'browser_gone', padding: 'x'.repeat(2 * LIMIT) });

function answerWith(response: ServerResponse, body: string, headers = {}): void {
  const all = { 'content-type': 'application/json', 'content-length': body.length, ...headers };
  response.writeHead(404, all).end(body);
}

const refusal = `HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: ${GONE.length}\r\n\r\n${GONE}`;

/** Answers as the client asks; an upgrade is echoed, or refused. */
export function startVm(): Promise<RecordingServer> {
  return startRecorder((request, response) => {
    const answer = answers[String(request.headers['x-case'])];
    if (answer !== undefined) return answer(response);
    response.writeHead(200, { 'x-from': 'vm' }).end('vm');
  });
}

/** Answers 200, unless the client asks for another status of it in `x-control-plane`. */
export function startControlPlane(): Promise<RecordingServer> {
  return startRecorder(async (request, response) => {
    const pause = /^\/pause\?(\d+)$/.exec(request.url ?? '')?.[1];
    if (pause !== undefined) await sleep(Number(pause));
    if (request.headers['x-control-plane'] === 'gone') return answerWith(response, GONE);
    if (request.headers['x-control-plane'] === '303') {
      return response.writeHead(303, { location: '/there', 'x-from': 'control-plane' }).end();
    }
    const headers = { 'x-from': 'control-plane', 'set-cookie': ['a=1', 'b=2'] };
    response.writeHead(200, headers).end('control plane');
  });
}

/** Keeps each request to the byte, then lets `answer` answer it. */
export async function startRecorder(
  answer: (request: IncomingMessage, response: ServerResponse) => unknown,
): Promise<RecordingServer> {
  const seen: WholeRequest[] = [];
  const keep = ({ method = '', url = '', rawHeaders }: IncomingMessage, body: string) => {
    if (!url.startsWith('/pause')) seen.push({ method, path: url, headers: rawHeaders, body });
  };
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    const early = String(request.headers['x-case']).endsWith('-early');
    if (early) await answer(request, response);
    for await (const part of request) parts.push(part);
    keep(request, Buffer.concat(parts).toString());
    if (!early) await answer(request, response);
  });
  // Else Node closes what was idle for 5 s, perhaps while Envoy sends a request: a 503 of nobody's.
  server.keepAliveTimeout = 0;
  server.on('upgrade', (request, socket) => {
    keep(request, '');
    socket.on('error', () => socket.destroy());
    if (request.headers['x-case'] === 'gone') return void socket.end(refusal);
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    );
    socket.pipe(socket);
  });
  const { port, stop } = await listenOnLoopback(server);
  return { port, take: () => seen.splice(0), stop };
}
