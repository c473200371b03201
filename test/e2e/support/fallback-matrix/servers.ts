import type { ServerResponse } from 'node:http';
import http2 from 'node:http2';
import { gzipSync } from 'node:zlib';
import { GONE, type RecordingServer, startRecorder } from '../fallback-kernel/servers.ts';
import { type Listening, listenOnLoopback } from '../listen.ts';
import { type Answer, deviatingAnswers, goneAnswers, otherAnswers } from './vm-answers.ts';

/** A server that streams as well: two events, the second once the test has asked for it. */
export interface StreamingServer extends RecordingServer {
  sendNextEvent(): void;
}

/** What `large` is answered with, 50 MB by a VM and 60 MB by a control plane. */
export const LARGE = { vm: patterned(50_000_000), controlPlane: patterned(60_000_000) };

/** Every byte there is, in a body that no text decoder leaves alone. */
export const BINARY = patterned(70_001);

/** A VM: the client names an answer in `x-case`; without it everything is fine. */
export async function startVm(): Promise<StreamingServer> {
  const events = makeEvents();
  const answers: Readonly<Record<string, Answer>> = {
    ...goneAnswers,
    ...otherAnswers,
    ...deviatingAnswers,
    events: events.answer,
    large: (response) => response.end(LARGE.vm),
    '503, then gone': atFirst(503, (response) =>
      response.writeHead(404, { 'content-type': 'application/json' }).end(GONE),
    ),
  };
  const server = await startRecorder(({ headers }, response) => {
    const delay = Number(headers['x-vm-delay'] ?? 0);
    setTimeout(() => {
      const answer = answers[String(headers['x-case'])];
      if (answer !== undefined) return void answer(response);
      response.writeHead(200, { 'x-from': 'vm' }).end('vm');
    }, delay);
  });
  return { ...server, sendNextEvent: events.sendNext };
}

/** A VM that speaks HTTP/2 without TLS: a JSON 404 with a trailer, gone when the path says so. */
export function startTrailingVm(): Promise<Listening> {
  const server = http2.createServer();
  server.on('stream', (stream, { ':path': path = '' }) => {
    const head = { ':status': 404, 'content-type': 'application/json' };
    stream.on('error', () => stream.destroy());
    stream.respond(head, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-trailer': 'kept' }));
    stream.end(path.includes('trailing=gone') ? GONE : '{"code":"not_found"}');
  });
  return listenOnLoopback(server);
}

/** A control plane: the client names an answer in `x-control-plane`. */
export async function startControlPlane(): Promise<StreamingServer> {
  const events = makeEvents();
  const json = { 'content-type': 'application/json' };
  const answers: Readonly<Record<string, Answer>> = {
    events: events.answer,
    large: (response) => response.end(LARGE.controlPlane),
    binary: (response) => response.end(BINARY),
    gzip: (response) =>
      response.writeHead(200, { ...json, 'content-encoding': 'gzip' }).end(gzipSync(GONE)),
    gone: (response) => response.writeHead(404, json).end(GONE),
    empty: (response) => response.writeHead(204).end(),
    redirect: (response) => response.writeHead(303, { location: '/there' }).end(),
    unavailable: (response) => response.writeHead(503, { 'retry-after': '7' }).end('later'),
    '503, then fine': atFirst(503, (response) => response.end('fine')),
    teapot: (response) =>
      response.writeHead(418, 'Short and stout', { 'x-own': ['1', '2'] }).end('tea'),
  };
  const server = await startRecorder(({ headers }, response) => {
    const delay = Number(headers['x-control-plane-delay'] ?? 0);
    setTimeout(() => {
      const answer = answers[String(headers['x-control-plane'])];
      if (answer !== undefined) return void answer(response);
      const cookies = ['a=1; Path=/', 'b=2; HttpOnly', 'a=3'];
      response.writeHead(200, { 'x-from': 'control-plane', 'set-cookie': cookies });
      response.end('control plane');
    }, delay);
  });
  return { ...server, sendNextEvent: events.sendNext };
}

/** The first request for a URL gets a bare status. */
function atFirst(status: number, then: Answer): Answer {
  const seen = new Set<string | undefined>();
  return (response) => {
    if (seen.has(response.req.url)) return then(response);
    seen.add(response.req.url);
    return response.writeHead(status).end();
  };
}

function makeEvents(): { answer(response: ServerResponse): void; sendNext(): void } {
  let waiting: ServerResponse | undefined;
  return {
    answer: (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
      waiting = response;
    },
    sendNext: () => {
      waiting?.end('data: 2\n\n');
      waiting = undefined;
    },
  };
}

function patterned(bytes: number): Buffer {
  const block = Buffer.from(Array.from({ length: 65_521 }, (_, index) => (index * 31) & 255));
  return Buffer.alloc(bytes, block);
}
