import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Authority, type KeyPair, makeAuthority } from '../support/authority.ts';
import {
  connectExtension,
  type ExtensionConnection,
  serverName,
  tlsCredentials,
} from '../support/extension-connection.ts';
import { makeFleet } from '../support/fleet.ts';
import { type MountedSecret, mountSecretUntilRemoved } from '../support/mounted-secret.ts';
import { encodeRequest } from '../support/xds.ts';
import { type OfframpProcess, startOfframpProcess } from './support/offramp.ts';
import { waitFor } from './support/wait-for.ts';

/** In the snapshot's list of secrets, and in what strangers send: never to be seen again. */
const secretText = 'hunter2-of-the-secrets';
/** In a route, as an API key is: to be seen in recordings alone. */
const headerText = 'hunter2-of-a-header';
const request = makeRequest();
const clientName = 'envoy-gateway.envoy-gateway-system.svc';
const many = 10_000;
const handshakeTimeout = 5;

let authority: Authority;
let serverPair: KeyPair;
let gateway: KeyPair;
let secret: MountedSecret;
let recordings: string;
let offramp: OfframpProcess;
/** Envoy Gateway's connection: it is there before, and has to stay. */
let kept: ExtensionConnection;

beforeAll(async () => {
  authority = await makeAuthority('the authority');
  serverPair = await authority.issue({ dns: [serverName] });
  gateway = await authority.issue({ dns: [clientName] });
  const files = { 'tls.crt': serverPair.cert, 'tls.key': serverPair.key, 'ca.crt': authority.cert };
  secret = mountSecretUntilRemoved(files);
  recordings = mkdtempSync(join(tmpdir(), 'offramp-attempts-'));
  const at = (file: string) => join(secret.folder, file);
  offramp = await startOfframpProcess(
    { connectors: [] },
    {
      grpc: {
        address: '127.0.0.1:0',
        tls: {
          certFile: at('tls.crt'),
          keyFile: at('tls.key'),
          clientCAFile: at('ca.crt'),
          allowedSANs: [clientName],
        },
        limits: { handshakeTimeout: `${handshakeTimeout}s`, transferTimeout: '5s' },
      },
      http: { address: '127.0.0.1:0', limits: { requestTimeout: '5s' } },
    },
    ['--record', recordings],
  );
  kept = connectAs(gateway);
  await kept.call('PostTranslateModify', request);
});

afterAll(async () => {
  kept?.close();
  await offramp?.stop();
  if (secret !== undefined) rmSync(secret.folder, { recursive: true, force: true });
  if (recordings !== undefined) rmSync(recordings, { recursive: true, force: true });
});

function makeRequest(): Uint8Array {
  const { clusters = [], listeners = [], routes = [] } = makeFleet(2).snapshot;
  const header = { header: { key: 'authorization', value: headerText } };
  const guarded = routes.map((one) => ({ ...one, request_headers_to_add: [header] }));
  const vault = { name: 'vault', generic_secret: { secret: { inline_string: secretText } } };
  return encodeRequest({ clusters, listeners, routes: guarded, secrets: [vault] });
}

function connectAs(pair?: KeyPair): ExtensionConnection {
  return connectExtension(`127.0.0.1:${offramp.port}`, tlsCredentials(authority.cert, pair));
}

async function newClientIsAnswered(): Promise<boolean> {
  const client = connectAs(gateway);
  try {
    return (await client.call('PostTranslateModify', request)).length > 0;
  } catch {
    return false;
  } finally {
    client.close();
  }
}

async function metrics(): Promise<string> {
  return (await fetch(`${offramp.url}/metrics`)).text();
}

async function refusals(port: 'grpc' | 'http'): Promise<Readonly<Record<string, number>>> {
  const lines = (await metrics()).matchAll(
    /^offramp_connections_refused_total\{port="(\w+)",reason="([\w-]+)"\} (\d+)$/gm,
  );
  return Object.fromEntries(
    [...lines]
      .filter(([, itsPort]) => itsPort === port)
      .map(([, , reason = '', count]) => [reason, Number(count)]),
  );
}

const httpPort = () => Number(new URL(offramp.url).port);

/** Opens connections on which nothing is ever said; answers how many of them are still open. */
async function openIdle(port: number): Promise<{ open: () => number; end: () => void }> {
  const sockets = new Set<Socket>();
  for (let opened = 0; opened < many; opened += 500) {
    const connecting = Array.from({ length: 500 }, () => openOne(port, sockets));
    await Promise.all(connecting);
  }
  return {
    open: () => sockets.size,
    end: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}

function openOne(port: number, sockets: Set<Socket>): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      sockets.add(socket);
      resolve();
    });
    socket.on('error', () => resolve()).resume();
    socket.once('close', () => sockets.delete(socket));
  });
}

/** Sends a byte of the text at a time, five a second, until it is cut off; answers after how many seconds. */
async function trickle(socket: Socket | TLSSocket, text: string): Promise<number> {
  const started = performance.now();
  let isClosed = false;
  socket.on('error', () => undefined).resume();
  socket.once('close', () => {
    isClosed = true;
  });
  for (let at = 0; !isClosed && at < text.length; at++) {
    socket.write(text.charAt(at));
    await sleep(200);
  }
  expect(isClosed).toBe(true);
  return (performance.now() - started) / 1000;
}

/** The status of the answer to raw bytes; undefined when the connection was closed without one. */
async function askRaw(text: string): Promise<number | undefined> {
  const socket = connect(httpPort(), '127.0.0.1');
  let answer = '';
  await new Promise<void>((resolve) => {
    socket
      .on('data', (bytes) => {
        answer += String(bytes);
      })
      .on('error', () => undefined)
      .once('close', () => resolve());
    socket.write(text);
  });
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1];
  return status === undefined ? undefined : Number(status);
}

const soon = { timeoutMs: 10_000, intervalMs: 20 };

/** The count, once it is so small. */
function atMost(limit: number, count: number): number | undefined {
  return count <= limit ? count : undefined;
}

function report(what: string, figures: object): void {
  process.stderr.write(`${what}: ${JSON.stringify(figures)}\n`);
}

describe('attempts to get in', () => {
  it('by certificates that are not right, or none, fail', async () => {
    const stranger = await makeAuthority('the authority');
    const attempts = 25;
    const kinds = {
      'no-certificate': undefined,
      'untrusted-certificate': await stranger.issue({ dns: [clientName] }),
      'expired-certificate': await authority.issue({ dns: [clientName], ends: new Date(0) }),
      'not-allowed': await authority.issue({ dns: ['other.svc'] }),
    };
    for (const [reason, pair] of Object.entries(kinds)) {
      for (let attempt = 0; attempt < attempts; attempt++) {
        const client = connectAs(pair);
        await expect(client.call('PostTranslateModify', request)).rejects.toMatchObject({
          code: 14,
        });
        client.close();
      }
      expect((await refusals('grpc'))[reason]).toBeGreaterThanOrEqual(attempts);
    }
    report('certificates', await refusals('grpc'));
  });

  it('by plain HTTP/2 and by bytes that are nothing fail', async () => {
    const before = (await refusals('grpc'))['handshake-failed'] ?? 0;
    const plain = connectHttp2(`http://127.0.0.1:${offramp.port}`);
    await new Promise<void>((resolve) => {
      plain.on('error', () => undefined).once('close', resolve);
    });
    for (const bytes of ['\x00'.repeat(1000), 'GET / HTTP/1.1\r\n\r\n', '\x16\x03\x01\xff\xff']) {
      const socket = connect(offramp.port, '127.0.0.1');
      await new Promise<void>((resolve) => {
        socket
          .on('error', () => undefined)
          .once('close', () => resolve())
          .resume()
          .end(bytes, 'latin1');
      });
    }
    await waitFor(
      'four refusals',
      async () => ((await refusals('grpc'))['handshake-failed'] ?? 0) >= before + 4,
      { timeoutMs: 10_000 },
    );
  });

  it('by messages that are too large are refused as soon as they say so', async () => {
    const session = connectHttp2(`https://127.0.0.1:${offramp.port}`, {
      ca: authority.cert,
      cert: gateway.cert,
      key: gateway.key,
      servername: serverName,
    });
    const head = Buffer.alloc(5);
    head.writeUInt32BE(300 * 1024 * 1024, 1);
    for (let attempt = 0; attempt < 10; attempt++) {
      const status = await new Promise((resolve) => {
        const stream = session.request({
          ':method': 'POST',
          ':path': '/envoygateway.extension.EnvoyGatewayExtension/PostTranslateModify',
          'content-type': 'application/grpc',
        });
        stream.on('response', (headers) => resolve(headers['grpc-status']));
        stream.on('error', () => undefined).resume();
        stream.write(head);
      });
      expect(Number(status)).toBe(8);
    }
    session.destroy();
    await waitFor(
      'ten refusals',
      async () => /calls_refused_total\{reason="too-large"\} 10$/m.test(await metrics()),
      { timeoutMs: 5000 },
    );
  });

  it(`by ${many} connections that say nothing keep a few places, for a few seconds`, async () => {
    const idle = await openIdle(offramp.port);
    // Every connection comes about, in the kernel, before anybody can refuse it.
    const atFirst = await waitFor('the others to be closed', () => atMost(256, idle.open()), soon);
    expect((await kept.call('PostTranslateModify', request)).length).toBeGreaterThan(0);
    const started = performance.now();
    await waitFor('a new client to be answered', newClientIsAnswered, {
      timeoutMs: 30_000,
      intervalMs: 200,
    });
    report('idle on gRPC', { opened: many, kept: atFirst, ...(await refusals('grpc')) });
    expect((performance.now() - started) / 1000).toBeLessThan(2 * handshakeTimeout + 5);
    idle.end();
  });

  it(`by ${many} connections that say nothing to the HTTP port do the same there`, async () => {
    const idle = await openIdle(httpPort());
    const atFirst = await waitFor('the others to be closed', () => atMost(128, idle.open()), soon);
    expect((await kept.call('PostTranslateModify', request)).length).toBeGreaterThan(0);
    await waitFor(
      'the HTTP port to answer again',
      () => fetch(`${offramp.url}/healthz`).then(({ ok }) => ok),
      { timeoutMs: 30_000, intervalMs: 200 },
    );
    report('idle on HTTP', { opened: many, kept: atFirst, ...(await refusals('http')) });
    idle.end();
  });

  it('by sending a byte now and then are cut off, on both ports', async () => {
    const clients = 40;
    const shown = {
      host: '127.0.0.1',
      port: offramp.port,
      ca: authority.cert,
      cert: gateway.cert,
      key: gateway.key,
      servername: serverName,
      ALPNProtocols: ['h2'],
    };
    const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'.repeat(20);
    const all = Array.from({ length: clients }, () => [
      trickle(connect(offramp.port, '127.0.0.1'), '\x16\x03\x01\x02\x00\x01'.padEnd(400, '\x00')),
      trickle(connectTls(shown), preface),
      trickle(connect(httpPort(), '127.0.0.1'), `GET /metrics HTTP/1.1\r\nX: ${'x'.repeat(400)}`),
    ]);
    const during = sleep(2000).then(() => newClientIsAnswered());
    const seconds = await Promise.all(all.flat());
    expect(await during).toBe(true);
    expect(Math.max(...seconds)).toBeLessThan(20);
    report('slow-loris', { clients: seconds.length, longest: Math.max(...seconds) });
  });

  it('by paths that are none find nothing, and no file', async () => {
    const file = encodeURIComponent(offramp.configFile);
    const paths = [
      '/../../../../etc/passwd',
      '/%2e%2e/%2e%2e/%2e%2e/etc/passwd',
      '/..%5c..%5cetc%5cpasswd',
      '/status/../../etc/passwd',
      '/status/snapshots/../../../etc/passwd',
      '/status/snapshots/%2e%2e%2f1',
      '/status/snapshots/-1',
      `/status/snapshots/${'9'.repeat(400)}`,
      `/${file}`,
      `//${file}`,
      '/metrics%00.json',
      '/metrics;/../status',
      '//elsewhere.example/metrics',
      'http://elsewhere.example/log-level',
      '/log-level',
      '/recordings/',
      '/debug/pprof',
      '/__proto__',
      '/constructor',
      '*',
    ];
    for (const path of paths) {
      const head = `Host: a\r\nAuthorization: Bearer ${secretText}\r\nConnection: close`;
      expect(await askRaw(`GET ${path} HTTP/1.1\r\n${head}\r\n\r\n`), path).toBe(404);
    }
  });

  it('by queries and requests that are too much are refused, or cost little', async () => {
    const get = (path: string) =>
      askRaw(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    for (const path of ['/status', '/status.json', '/readyz', '/metrics', '/nothing']) {
      expect(await get(`${path}?${'q'.repeat(1_000_000)}`)).toBe(431);
    }
    const started = performance.now();
    const rude = [
      `connector=${encodeURIComponent('<script>'.repeat(800))}`.slice(0, 7000),
      Array.from({ length: 1500 }, (_, at) => `a${at}`)
        .join('&')
        .slice(0, 7000),
      `connectors-page=${'9'.repeat(7000)}`,
      'gateways-page=9999999&connectors-page=9999999',
      `token=${secretText}`,
      '__proto__[connector]=x&only=__proto__',
      '%ff%fe%00=%zz',
    ];
    for (const query of rude) {
      for (const path of ['/status', '/status.json', '/readyz']) {
        expect(await get(`${path}?${query}`), query.slice(0, 40)).toBe(200);
      }
    }
    expect(performance.now() - started).toBeLessThan(5000);
    const length = `Content-Length: 5\r\nContent-Length: 6\r\n`;
    const chunked = `Content-Length: 5\r\nTransfer-Encoding: chunked\r\n`;
    for (const twice of [length, chunked]) {
      expect(await askRaw(`GET /metrics HTTP/1.1\r\nHost: a\r\n${twice}\r\n0\r\n\r\n`)).toBe(400);
    }
    const large = `POST /status HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n`;
    expect(await askRaw(`${large}${'x'.repeat(1_000_000)}`)).toBe(405);
    expect(await askRaw('CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n')).toBeUndefined();
    report('HTTP', await refusals('http'));
  });

  it('leave the server alive, its first connection too, and nothing secret behind', async () => {
    expect((await kept.call('PostTranslateModify', request)).length).toBeGreaterThan(0);
    expect(await newClientIsAnswered()).toBe(true);
    const log = readFileSync(offramp.logFile, 'utf8');
    const recorded = readdirSync(recordings)
      .filter((name) => name.endsWith('.gz'))
      .map((name) => gunzipSync(readFileSync(join(recordings, name))).toString('latin1'));
    expect(recorded.length).toBeGreaterThan(0);
    const pages = ['/metrics', '/readyz?verbose', '/status', '/status.json', '/status/snapshots/1'];
    const shown = await Promise.all(
      pages.map(async (page) => (await fetch(`${offramp.url}${page}`)).text()),
    );
    const said = [log, ...shown].join('\n');
    expect(said).not.toContain(headerText);
    expect(recorded.join('')).toContain(headerText);
    const all = [said, ...recorded].join('\n');
    expect(all).not.toContain(secretText);
    for (const { key } of [serverPair, gateway]) {
      for (const line of key.split('\n').filter((one) => /^[A-Za-z0-9+/=]{20,}$/.test(one))) {
        expect(all).not.toContain(line);
      }
    }
    expect(all).not.toContain('PRIVATE KEY');
    // However many attempts there were, the log stays one that a person reads.
    expect(log.split('\n').filter((line) => line.includes('refused')).length).toBeLessThan(150);
  });
});
