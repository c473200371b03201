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
import { captures } from '../support/captures.ts';
import {
  connectExtension,
  type ExtensionConnection,
  serverName,
  tlsCredentials,
} from '../support/extension-connection.ts';
import { type MountedSecret, mountSecretUntilRemoved } from '../support/mounted-secret.ts';
import { type OfframpProcess, startOfframpProcess } from './support/offramp.ts';
import { waitFor } from './support/wait-for.ts';

const [{ request } = { request: new Uint8Array() }] = captures;
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

  it('leave the server alive, its first connection too, and nothing secret behind', async () => {
    expect((await kept.call('PostTranslateModify', request)).length).toBeGreaterThan(0);
    expect(await newClientIsAnswered()).toBe(true);
    const log = readFileSync(offramp.logFile, 'utf8');
    const recorded = readdirSync(recordings)
      .filter((name) => name.endsWith('.gz'))
      .map((name) => gunzipSync(readFileSync(join(recordings, name))).toString('latin1'));
    expect(recorded.length).toBeGreaterThan(0);
    const ready = await (await fetch(`${offramp.url}/readyz?verbose`)).text();
    const said = [log, await metrics(), ready, ...recorded].join('\n');
    for (const { key } of [serverPair, gateway]) {
      for (const line of key.split('\n').filter((one) => /^[A-Za-z0-9+/=]{20,}$/.test(one))) {
        expect(said).not.toContain(line);
      }
    }
    expect(said).not.toContain('PRIVATE KEY');
    // However many attempts there were, the log stays one that a person reads.
    expect(log.split('\n').filter((line) => line.includes('refused')).length).toBeLessThan(150);
  });
});
