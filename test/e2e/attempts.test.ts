import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
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
import { openIdle, refusalsAt, trickle } from './support/rude-clients.ts';
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
      http: { address: '127.0.0.1:0' },
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

const soon = { timeoutMs: 10_000, intervalMs: 20 };

/** The count, once it is so small. */
function atMost(limit: number, count: number): number | undefined {
  return count <= limit ? count : undefined;
}

function report(what: string, figures: object): void {
  process.stderr.write(`${what}: ${JSON.stringify(figures)}\n`);
}

describe('attempts to get in to the gRPC port', () => {
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
      expect((await refusalsAt(offramp.url, 'grpc'))[reason]).toBeGreaterThanOrEqual(attempts);
    }
    report('certificates', await refusalsAt(offramp.url, 'grpc'));
  });

  it('by plain HTTP/2 and by bytes that are nothing fail', async () => {
    const before = (await refusalsAt(offramp.url, 'grpc'))['handshake-failed'] ?? 0;
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
      async () => ((await refusalsAt(offramp.url, 'grpc'))['handshake-failed'] ?? 0) >= before + 4,
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
    const idle = await openIdle(offramp.port, many);
    // Every connection comes about, in the kernel, before anybody can refuse it.
    const atFirst = await waitFor('the others to be closed', () => atMost(256, idle.open()), soon);
    expect((await kept.call('PostTranslateModify', request)).length).toBeGreaterThan(0);
    const started = performance.now();
    await waitFor('a new client to be answered', newClientIsAnswered, {
      timeoutMs: 30_000,
      intervalMs: 200,
    });
    report('idle on gRPC', {
      opened: many,
      kept: atFirst,
      ...(await refusalsAt(offramp.url, 'grpc')),
    });
    expect((performance.now() - started) / 1000).toBeLessThan(2 * handshakeTimeout + 5);
    idle.end();
  });

  it('by sending a byte now and then are cut off', async () => {
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
