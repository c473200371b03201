import { spawnSync } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askWithCurl } from '../../demo/ask.ts';
import { askWithoutCurl } from '../../demo/ask-without-curl.ts';
import type { Question } from '../../demo/question.ts';
import { startHttpUpstream, type Upstream } from '../e2e/support/upstreams.ts';

const hasCurl = spawnSync('curl', ['--version']).status === 0;
const { signal } = new AbortController();

describe.each([
  { client: 'curl', ask: askWithCurl, there: hasCurl },
  { client: 'Node', ask: askWithoutCurl, there: true },
])('asking with $client', ({ ask, there }) => {
  let oslo: Upstream;
  let proxy: Server;
  let proxyUrl: string;

  beforeAll(async () => {
    oslo = await startHttpUpstream('oslo');
    proxy = await startProxy(oslo.port);
    const address = proxy.address();
    proxyUrl = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  });

  afterAll(async () => {
    await oslo.stop();
    proxy.closeAllConnections();
    proxy.close();
  });

  it.runIf(there)('gives the whole answer, and sends the host', async () => {
    const url = `http://127.0.0.1:${oslo.port}/x`;
    const answer = await ask({ kind: 'get', url, host: 'oslo.example.com' }, signal);
    expect(answer).toMatchObject({ statuses: [200], body: 'oslo' });
    expect(answer.text).toMatch(/^HTTP\/1\.1 200 OK\r\n(.+\r\n)*x-upstream: oslo\r\n/);
    expect(oslo.requests().at(-1)).toMatchObject({ path: '/x' });
    expect(oslo.requests().at(-1)?.headers.host).toBe('oslo.example.com');
  });

  it.runIf(there)('gives the body alone where no host is named', async () => {
    const answer = await ask({ kind: 'get', url: `http://127.0.0.1:${oslo.port}/` }, signal);
    expect(answer).toEqual({ text: 'oslo\n', statuses: [], body: 'oslo' });
  });

  it.runIf(there)('counts who answered', async () => {
    const url = `http://127.0.0.1:${oslo.port}/`;
    const question: Question = { kind: 'count', url, host: 'oslo.example.com', times: 12 };
    oslo.reset();
    const answer = await ask(question, signal);
    expect(answer.body).toBe('12 oslo');
    expect(oslo.requests().map(({ path }) => path)).toContain('/12');
  });

  it.runIf(there)('goes through the tunnel that a CONNECT opened', async () => {
    const url = 'http://oslo.example.com/x';
    const answer = await ask({ kind: 'connect', proxy: proxyUrl, url }, signal);
    expect(answer).toMatchObject({ statuses: [200, 200], body: 'oslo' });
  });

  it.runIf(there)('gives the status of a CONNECT that was refused', async () => {
    const url = 'http://berlin.example.com/';
    const answer = await ask({ kind: 'connect', proxy: proxyUrl, url }, signal);
    expect(answer.statuses).toEqual([503]);
    expect(answer.text).not.toContain('Tunnel not online');
  });

  it.runIf(there)('has no answer for a question that was aborted', async () => {
    const url = `http://127.0.0.1:${oslo.port}/`;
    await expect(ask({ kind: 'get', url }, AbortSignal.abort())).rejects.toThrow(/abort/i);
  });
});

/** Opens tunnels to `oslo.example.com:80` alone; others are refused, with a body. */
async function startProxy(osloPort: number): Promise<Server> {
  const server = createServer();
  server.on('connect', (request, socket) => {
    socket.on('error', () => socket.destroy());
    if (request.url !== 'oslo.example.com:80') {
      const refusal = 'HTTP/1.1 503 Service Unavailable\r\ncontent-length: 17\r\n\r\n';
      return void socket.end(`${refusal}Tunnel not online`);
    }
    const tunnel = connect(osloPort, '127.0.0.1');
    tunnel.on('error', () => socket.destroy());
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    socket.pipe(tunnel).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}
