import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startTestServer, type TestServer } from '../support/running-server.ts';

const startLimited = (limits: Readonly<Record<string, unknown>>) =>
  startTestServer(undefined, { http: { address: '127.0.0.1:0', limits } });

interface Raw {
  readonly socket: Socket;
  /** Everything that came until the server closed the connection. */
  readonly received: Promise<string>;
}

function send(server: TestServer, text: string): Raw {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  let all = '';
  socket
    .on('error', () => undefined)
    .on('data', (chunk) => {
      all += String(chunk);
    });
  socket.write(text);
  const received = new Promise<string>((resolve) => {
    socket.once('close', () => resolve(all));
  });
  return { socket, received };
}

const askHealth = (server: TestServer) =>
  send(server, 'GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n').received;

/** A connection whose answers are on their way: its client does not read them. */
async function beBusy(server: TestServer): Promise<Raw> {
  const busy = send(server, 'GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(500));
  busy.socket.pause();
  await expect.poll(() => busy.socket.bytesRead).toBeGreaterThan(0);
  return busy;
}

async function refused(server: TestServer, reason: string): Promise<number> {
  const { text } = await server.get('/metrics');
  const name = `offramp_connections_refused_total{port="http",reason="${reason}"} `;
  return Number(
    text
      .split('\n')
      .find((line) => line.startsWith(name))
      ?.slice(name.length),
  );
}

describe('the HTTP port', () => {
  it('answers 503 to a connection too many while all are busy, closes further ones, and recovers', async () => {
    const server = await startLimited({ connections: 2 });
    const kept = [await beBusy(server), await beBusy(server)];
    const surplus = send(server, 'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(await surplus.received).toMatch(/^HTTP\/1\.1 503 /);
    const more = [send(server, ''), send(server, '')];
    await Promise.all(more.map(({ socket }) => once(socket, 'connect')));
    expect(await send(server, 'GET /healthz HTTP/1.1\r\n\r\n').received).toBe('');
    for (const { socket } of [...kept, ...more]) socket.destroy();
    await expect.poll(() => askHealth(server)).toMatch(/^HTTP\/1\.1 200 /);
    expect(await refused(server, 'too-many')).toBeGreaterThanOrEqual(4);
    expect(await refused(server, 'made-room')).toBe(0);
    expect((await server.get('/healthz')).status).toBe(200);
  });

  it('gives a new connection the place of the one that is idle longest, kept alive or silent', async () => {
    const server = await startLimited({ connections: 3 });
    const busy = await beBusy(server);
    const silent = send(server, '');
    await once(silent.socket, 'connect');
    const keptAlive = send(server, 'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(keptAlive.socket, 'data');
    expect(await askHealth(server)).toMatch(/^HTTP\/1\.1 200 /);
    expect(await silent.received).toBe('');
    expect(keptAlive.socket.destroyed).toBe(false);
    const another = send(server, '');
    await once(another.socket, 'connect');
    expect(await askHealth(server)).toMatch(/^HTTP\/1\.1 200 /);
    expect(await keptAlive.received).toMatch(/^HTTP\/1\.1 200 /);
    expect(busy.socket.destroyed).toBe(false);
    expect(await refused(server, 'made-room')).toBe(2);
    expect(await refused(server, 'too-many')).toBe(0);
  });

  it('answers a probe while more connections are kept alive than there are places', async () => {
    const server = await startLimited({ connections: 4 });
    for (let index = 0; index < 12; index++) {
      const kept = send(server, 'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');
      await once(kept.socket, 'data');
    }
    expect(await askHealth(server)).toMatch(/^HTTP\/1\.1 200 /);
  });

  it.each([
    ['says nothing', ''],
    ['begins a request and never ends it', 'GET /metrics HTTP/1.1\r\nHost: a\r\nX-'],
    [
      'announces a body that does not come',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1',
    ],
  ])('closes the connection of a client that %s', async (_, text) => {
    const server = await startLimited({ requestTimeout: '500ms' });
    const started = performance.now();
    const slow = send(server, text);
    const trickle = setInterval(() => {
      if (text !== '' && slow.socket.writable) slow.socket.write('a');
    }, 100);
    onTestFinished(() => clearInterval(trickle));
    expect(await slow.received).not.toMatch(/ 200 /);
    expect(performance.now() - started).toBeLessThan(3000);
    expect(await refused(server, 'too-slow')).toBeGreaterThanOrEqual(
      text.startsWith('POST') ? 0 : 1,
    );
    expect((await server.get('/healthz')).status).toBe(200);
  });

  it('closes the connection of a client that asks and asks, and does not read', async () => {
    const server = await startLimited({ requestTimeout: '500ms' });
    const greedy = send(server, '');
    greedy.socket.pause();
    greedy.socket.write('GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(2000));
    await expect.poll(() => refused(server, 'too-slow'), { timeout: 5000 }).toBe(1);
    expect((await server.get('/healthz')).status).toBe(200);
  });

  it('refuses headers beyond 8 KiB, what is no HTTP, and methods that write', async () => {
    const server = await startLimited({});
    const huge = `GET /metrics?${'q'.repeat(100_000)} HTTP/1.1\r\nHost: a\r\n\r\n`;
    expect(await send(server, huge).received).toMatch(/^HTTP\/1\.1 431 /);
    const headers = `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(9000)}\r\n\r\n`;
    expect(await send(server, headers).received).toMatch(/^HTTP\/1\.1 431 /);
    expect(await send(server, '\x16\x03\x01 not HTTP\r\n\r\n').received).toMatch(
      /^HTTP\/1\.1 400 /,
    );
    expect(await refused(server, 'malformed')).toBe(3);
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE']) {
      const answer = send(
        server,
        `${method} /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
      );
      expect(await answer.received).toMatch(/^HTTP\/1\.1 405 /);
    }
  });

  it.each([
    '/../../etc/passwd',
    '/..%2f..%2fetc%2fpasswd',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/metrics/../../etc/passwd',
    '/metrics/../status',
    '/metrics/%2e%2e/status',
    '/./metrics',
    '/metrics/',
    '//metrics',
    '/metrics%00',
    '/\\metrics',
    'http://elsewhere.example/metrics/x',
    '/debug/pprof',
    '/offramp.yaml',
    '*',
    '//[',
  ])('has nothing at %s', async (path) => {
    const server = await startLimited({});
    const answer = send(server, `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    expect(await answer.received).toMatch(/^HTTP\/1\.1 404 [\s\S]*here are \/metrics/);
    expect((await server.get('/healthz')).status).toBe(200);
  });

  it('keeps serving one who reads slowly but reads', async () => {
    const server = await startLimited({ requestTimeout: '500ms' });
    const reader = send(server, 'GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    reader.socket.pause();
    await sleep(300);
    reader.socket.resume();
    expect(await reader.received).toMatch(/^HTTP\/1\.1 200 /);
  });
});
