import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { makeAuthority } from '../support/authority.ts';
import { serverName } from '../support/extension-connection.ts';
import { startTestServer, type TestServer } from '../support/running-server.ts';

const handshakeTimeout = '1s';

async function startOnSocket(settings: object = {}): Promise<{ server: TestServer; path: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'offramp-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const authority = await makeAuthority('the authority');
  const { cert, key } = await authority.issue({ dns: [serverName] });
  writeFileSync(join(folder, 'tls.crt'), cert);
  writeFileSync(join(folder, 'tls.key'), key);
  const path = join(folder, 'offramp.sock');
  const tls = { certFile: join(folder, 'tls.crt'), keyFile: join(folder, 'tls.key') };
  const grpc = { address: `unix:${path}`, ...settings };
  const server = await startTestServer({}, { grpc: 'tls' in settings ? { ...grpc, tls } : grpc });
  return { server, path };
}

function say(path: string, ...words: string[]): void {
  const socket = connect(path).on('error', () => undefined);
  onTestFinished(() => void socket.destroy());
  socket.resume();
  for (const word of words) socket.write(word);
}

const refused = ({ log }: TestServer) => log.filter(({ msg }) => msg === 'connection refused');

it('a client of a unix socket that is refused has a number in the log', async () => {
  const { server, path } = await startOnSocket({ limits: { handshakeTimeout } });
  say(path);
  await expect
    .poll(() => refused(server), { timeout: 10_000 })
    .toMatchObject([{ reason: 'handshake-timeout', peer: 'unix#1' }]);
});

it('one that comes when all places are taken has a number of its own', async () => {
  const limits = { connections: 1, handshakeTimeout };
  const { server, path } = await startOnSocket({ tls: true, limits });
  say(path); // holds the only place: no other may have that of a TLS handshake
  say(path);
  const expected = [
    { reason: 'too-many', peer: 'unix#1' },
    { reason: 'handshake-timeout', peer: 'unix#2' },
  ];
  await expect.poll(() => refused(server), { timeout: 10_000 }).toMatchObject(expected);
});

it('one that is refused by TLS has a number too', async () => {
  const { server, path } = await startOnSocket({ tls: true });
  say(path, 'PRI * HTTP/2.0\r\n\r\n');
  await expect
    .poll(() => refused(server), { timeout: 10_000 })
    .toMatchObject([{ reason: 'handshake-failed', peer: 'unix#1' }]);
});
