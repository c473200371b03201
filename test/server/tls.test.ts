import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Authority, type KeyPair, makeAuthority } from '../support/authority.ts';
import { captures } from '../support/captures.ts';
import { connectExtension, serverName, tlsCredentials } from '../support/extension-connection.ts';
import { type MountedSecret, mountSecret } from '../support/mounted-secret.ts';
import { startTestServer, type TestServer } from '../support/running-server.ts';

const [{ request } = { request: new Uint8Array() }] = captures;
const gatewayName = 'envoy-gateway.envoy-gateway-system.svc';
const authority = await makeAuthority('the authority');
const stranger = await makeAuthority('the authority'); // of the same name, with another key
const serverPair = await authority.issue({ dns: [serverName] });
const gateway = await authority.issue({ dns: [gatewayName] });

interface TlsServer extends TestServer {
  readonly secret: MountedSecret;
  /** A call on a connection of its own, or the error. */
  callAs(pair: KeyPair | undefined): Promise<number | { code: number }>;
}

function filesOf(pair: KeyPair, ca: Authority = authority): Readonly<Record<string, string>> {
  return { 'tls.crt': pair.cert, 'tls.key': pair.key, 'ca.crt': ca.cert };
}

/** The server's pair, and these certificates as the CAs of clients. */
const withCA = (...certificates: readonly string[]) => ({
  ...filesOf(serverPair),
  'ca.crt': certificates.join('\n'),
});
const inDays = (days: number) => new Date(Date.now() + days * 86_400_000);
const endedAuthority = () =>
  makeAuthority('a former authority', { begins: inDays(-2), ends: inDays(-1) });
const cutShort = (pem: string) => pem.slice(0, pem.length / 2);

async function startTlsServer(
  tls: Readonly<Record<string, unknown>> = {},
  limits: Readonly<Record<string, unknown>> = {},
): Promise<TlsServer> {
  const secret = mountSecret(filesOf(serverPair));
  const at = (file: string) => join(secret.folder, file);
  const server = await startTestServer(undefined, {
    grpc: {
      address: '127.0.0.1:0',
      tls: {
        certFile: at('tls.crt'),
        keyFile: at('tls.key'),
        clientCAFile: at('ca.crt'),
        ...tls,
      },
      limits,
    },
  });
  const callAs = async (pair: KeyPair | undefined) => {
    const connection = connectExtension(server.grpcAddress, tlsCredentials(authority.cert, pair));
    try {
      return (await connection.call('PostTranslateModify', request)).length;
    } catch (error) {
      return { code: Number(Reflect.get(Object(error), 'code')) };
    } finally {
      connection.close();
    }
  };
  return { ...server, secret, callAs };
}

/** The connection's outcome: whether it was closed by the server within two seconds. */
async function handshake(server: TestServer, options: ConnectionOptions): Promise<string> {
  const port = Number(server.grpcAddress.split(':').at(-1));
  const socket = connectTls({ port, host: '127.0.0.1', servername: serverName, ...options });
  onTestFinished(() => void socket.destroy());
  const closed = new Promise<string>((resolve) => {
    socket.once('close', () => resolve('closed'));
  });
  socket.on('error', () => undefined).resume();
  return Promise.race([closed, sleep(2000, 'open')]);
}

async function metric(server: TestServer, line: string): Promise<string | undefined> {
  const { text } = await server.get('/metrics');
  return text.split('\n').find((one) => one.startsWith(`${line} `));
}

const refusedBecause = (reason: string) =>
  `offramp_connections_refused_total{port="grpc",reason="${reason}"}`;
const unavailable = { code: 14 };

/** Nothing that the log, the metrics and the readiness page say has a line of a private key in it. */
async function expectNoKeys(server: TestServer, ...pairs: readonly KeyPair[]): Promise<void> {
  const { text } = await server.get('/metrics');
  const ready = await server.get('/readyz?verbose');
  const said = JSON.stringify(server.log) + text + ready.text;
  for (const { key } of pairs) {
    for (const line of key.split('\n').filter((one) => one.length > 20 && !one.startsWith('-'))) {
      expect(said).not.toContain(line);
    }
  }
}

describe('gRPC over TLS', () => {
  it('answers a client of the CA, by TLS 1.3', async () => {
    const server = await startTlsServer();
    expect(await server.callAs(gateway)).toBeGreaterThan(0);
    const shown = {
      ca: authority.cert,
      cert: gateway.cert,
      key: gateway.key,
      ALPNProtocols: ['h2'],
    };
    expect(await handshake(server, shown)).toBe('open');
    expect(await handshake(server, { ...shown, maxVersion: 'TLSv1.2' })).toBe('closed');
    expect(await metric(server, refusedBecause('handshake-failed'))).toMatch(/ 1$/);
    expect(server.log).toContainEqual(
      expect.objectContaining({ why: 'ERR_SSL_UNSUPPORTED_PROTOCOL', reason: 'handshake-failed' }),
    );
  });

  it.each<[string, string, () => Promise<KeyPair | undefined>]>([
    ['without a certificate', 'no-certificate', () => Promise.resolve(undefined)],
    ['of another CA', 'untrusted-certificate', () => stranger.issue({ dns: [gatewayName] })],
    [
      'whose certificate has ended',
      'expired-certificate',
      () => authority.issue({ dns: [gatewayName], ends: new Date(Date.now() - 1000) }),
    ],
    ['of another name', 'not-allowed', () => authority.issue({ dns: ['other.svc'] })],
    ['without a name', 'not-allowed', () => authority.issue({})],
  ])('refuses a client %s, counts it and says why', async (_, reason, pairOf) => {
    const server = await startTlsServer({ allowedSANs: [gatewayName] });
    const pair = await pairOf();
    expect(await server.callAs(pair)).toEqual(unavailable);
    expect(await metric(server, refusedBecause(reason))).not.toMatch(/ 0$/);
    const line = server.log.find((one) => one.msg === 'connection refused');
    expect(line).toMatchObject({ reason, peer: expect.stringMatching(/^127\.0\.0\.1:\d+$/) });
    expect(await server.callAs(gateway)).toBeGreaterThan(0);
    await expectNoKeys(server, serverPair, gateway, ...(pair === undefined ? [] : [pair]));
  });

  it('refuses plain text, and clients that do not ask for HTTP/2', async () => {
    const server = await startTlsServer();
    const plain = connectHttp2(`http://${server.grpcAddress}`);
    plain.on('error', () => undefined);
    await once(plain, 'close');
    const shown = { ca: authority.cert, cert: gateway.cert, key: gateway.key };
    expect(await handshake(server, shown)).toBe('closed');
    expect(await metric(server, refusedBecause('handshake-failed'))).toMatch(/ 2$/);
    expect(await server.callAs(gateway)).toBeGreaterThan(0);
  });

  it('resumes no session: each connection shows its certificate', async () => {
    const server = await startTlsServer();
    const port = Number(server.grpcAddress.split(':').at(-1));
    const shown = {
      ca: authority.cert,
      cert: gateway.cert,
      key: gateway.key,
      ALPNProtocols: ['h2'],
    };
    const first = connectTls({ port, servername: serverName, ...shown });
    const [session] = await once(first, 'session');
    first.destroy();
    const second = connectTls({ port, servername: serverName, ...shown, session });
    onTestFinished(() => void second.destroy());
    await once(second, 'secureConnect');
    expect(second.isSessionReused()).toBe(false);
  });

  it('closes a connection that says nothing, with TLS or before it', async () => {
    const server = await startTlsServer({}, { handshakeTimeout: '300ms' });
    const silent = connectTcp(Number(server.grpcAddress.split(':').at(-1)), '127.0.0.1');
    silent.on('error', () => undefined);
    await once(silent, 'close');
    const shown = {
      ca: authority.cert,
      cert: gateway.cert,
      key: gateway.key,
      ALPNProtocols: ['h2'],
    };
    expect(await handshake(server, shown)).toBe('closed');
    expect(await metric(server, refusedBecause('handshake-timeout'))).toMatch(/ 2$/);
  });

  it('without a CA takes anybody, and warns', async () => {
    const server = await startTlsServer({ clientCAFile: undefined });
    expect(await server.callAs(undefined)).toBeGreaterThan(0);
    expect(server.log).toContainEqual(
      expect.objectContaining({ level: 40, msg: expect.stringContaining('no clientCAFile') }),
    );
  });
});

describe('certificates that change', () => {
  const reloads = (server: TestServer) => metric(server, 'offramp_tls_reloads_total');
  const failures = (server: TestServer) => metric(server, 'offramp_tls_reload_errors_total');
  const patience = { timeout: 5000 };

  it('are used by new connections, while those that are there go on', async () => {
    const server = await startTlsServer();
    const kept = connectExtension(server.grpcAddress, tlsCredentials(authority.cert, gateway));
    onTestFinished(kept.close);
    await kept.call('PostTranslateModify', request);
    server.secret.mount(filesOf(await stranger.issue({ dns: [serverName] }), stranger));
    await expect.poll(() => reloads(server), patience).toMatch(/ 1$/);
    expect((await kept.call('PostTranslateModify', request)).length).toBeGreaterThan(0);
    // Who knows the former CA only trusts the new certificate no more, and is not trusted.
    expect(await server.callAs(gateway)).toEqual(unavailable);
    const next = connectExtension(
      server.grpcAddress,
      tlsCredentials(stranger.cert, await stranger.issue({ dns: [gatewayName] })),
    );
    onTestFinished(next.close);
    expect((await next.call('PostTranslateModify', request)).length).toBeGreaterThan(0);
    expect((await kept.call('PostTranslateModify', request)).length).toBeGreaterThan(0);
    expect(await metric(server, 'offramp_connections{port="grpc"}')).toMatch(/ 2$/);
  });

  it.each<[string, () => Promise<Readonly<Record<string, string>>>, RegExp]>([
    [
      'a key of another certificate',
      async () => ({ ...filesOf(serverPair), 'tls.key': gateway.key }),
      /tls\.key: is not the private key of the certificate in .*tls\.crt$/,
    ],
    [
      'a certificate cut short',
      async () => ({ ...filesOf(serverPair), 'tls.crt': serverPair.cert.slice(0, 200) }),
      /tls\.crt: has a PEM block that is not whole$/,
    ],
    [
      'an empty CA file',
      async () => ({ ...filesOf(serverPair), 'ca.crt': '' }),
      /ca\.crt: has no PEM certificate in it$/,
    ],
    [
      'a certificate that has ended',
      async () => filesOf(await authority.issue({ dns: [serverName], ends: new Date(0) })),
      /tls\.crt: the certificate ended at 1970-01-01/,
    ],
    [
      'a certificate that has not begun',
      async () => filesOf(await authority.issue({ dns: [serverName], begins: inDays(1) })),
      /tls\.crt: the certificate begins at 20/,
    ],
    [
      'two CAs of which the second is cut short',
      async () => withCA(authority.cert, cutShort(stranger.cert)),
      /ca\.crt: has a PEM block that is not whole$/,
    ],
    [
      'a CA whose end is another one’s beginning',
      async () => withCA(cutShort(stranger.cert), authority.cert),
      /ca\.crt: has a PEM block that is not whole$/,
    ],
    [
      'a CA that has ended',
      async () => withCA((await endedAuthority()).cert),
      /ca\.crt: no CA that can be used: a certificate ended at 20/,
    ],
    [
      'a CA file with a client’s certificate in it',
      async () => withCA(gateway.cert),
      /ca\.crt: no CA that can be used: a certificate is not one of a CA$/,
    ],
    [
      'no key at all',
      async () => ({ 'tls.crt': serverPair.cert, 'ca.crt': authority.cert }),
      /tls\.key: cannot be read: ENOENT/,
    ],
  ])('that are %s are refused and told; the last good ones stay', async (_, filesFor, reason) => {
    const server = await startTlsServer();
    server.secret.mount(await filesFor());
    await expect.poll(() => failures(server), patience).toMatch(/ 1$/);
    expect(server.log).toContainEqual(
      expect.objectContaining({
        level: 50,
        code: 'certificate-unusable',
        reason: expect.stringMatching(reason),
      }),
    );
    expect(await server.callAs(gateway)).toBeGreaterThan(0);
    await sleep(1500);
    expect(await failures(server)).toMatch(/ 1$/);
    server.secret.mount(filesOf(await authority.issue({ dns: [serverName] })));
    await expect.poll(() => reloads(server), patience).toMatch(/ 1$/);
    expect(await server.callAs(gateway)).toBeGreaterThan(0);
    await expectNoKeys(server, serverPair, gateway);
  });

  it('are used with a CA that has ended beside one that has not', async () => {
    const server = await startTlsServer();
    server.secret.mount(withCA((await endedAuthority()).cert, authority.cert));
    await expect.poll(() => reloads(server), patience).toMatch(/ 1$/);
    expect(await server.callAs(gateway)).toBeGreaterThan(0);
  });

  it('are used once they begin, though the files stay as they are', async () => {
    const server = await startTlsServer();
    const begins = new Date(Date.now() + 4000);
    server.secret.mount(filesOf(await authority.issue({ dns: [serverName], begins })));
    await expect.poll(() => failures(server), patience).toMatch(/ 1$/);
    await expect.poll(() => reloads(server), { timeout: 8000 }).toMatch(/ 1$/);
    expect(await failures(server)).toMatch(/ 1$/);
    expect(await server.callAs(gateway)).toBeGreaterThan(0);
  });

  it.each<[string, () => Promise<Readonly<Record<string, string>>>, string]>([
    [
      'a certificate that has not begun',
      async () => filesOf(await authority.issue({ dns: [serverName], begins: inDays(1) })),
      'server',
    ],
    ['no certificate of a CA', async () => withCA(gateway.cert), 'client-ca'],
  ])('at the start with %s are taken, and told as an error', async (_, filesFor, certificate) => {
    const secret = mountSecret(await filesFor());
    const at = (file: string) => join(secret.folder, file);
    const tls = { certFile: at('tls.crt'), keyFile: at('tls.key'), clientCAFile: at('ca.crt') };
    const server = await startTlsServer(tls);
    expect(server.log).toContainEqual(expect.objectContaining({ level: 50, certificate }));
    expect(await server.callAs(gateway)).toEqual(unavailable);
  });

  it('may be written one after the other: certificate and key are read once both are there', async () => {
    const server = await startTlsServer();
    const next = await authority.issue({ dns: [serverName] });
    writeFileSync(join(server.secret.folder, 'tls.crt'), next.cert);
    await sleep(100);
    writeFileSync(join(server.secret.folder, 'tls.key'), next.key);
    await expect.poll(() => reloads(server), patience).toMatch(/ 1$/);
    expect(await failures(server)).toMatch(/ 0$/);
  });

  it('show when they end', async () => {
    const server = await startTlsServer();
    const expiry = 'offramp_certificate_expiry_timestamp_seconds';
    const ends = new Date(Math.floor(Date.now() / 1000) * 1000 + 7_200_000);
    expect(await metric(server, `${expiry}{certificate="client-ca"}`)).toBeDefined();
    server.secret.mount(filesOf(await authority.issue({ dns: [serverName], ends })));
    await expect
      .poll(() => metric(server, `${expiry}{certificate="server"}`), patience)
      .toBe(`${expiry}{certificate="server"} ${ends.getTime() / 1000}`);
  });

  it('that cannot be used keep the server from starting', async () => {
    const folder = '/nowhere';
    const tls = { certFile: `${folder}/tls.crt`, keyFile: `${folder}/tls.key` };
    await expect(startTlsServer(tls)).rejects.toMatchObject({
      code: 'certificate-unusable',
      message: expect.stringContaining('/nowhere/tls.crt: cannot be read'),
    });
  });
});
