import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { backendYaml, gatewayYaml, httpRouteYaml } from './support/example-resources.ts';
import { recommendedExtensionManager } from './support/extension-manager.ts';
import { freePort } from './support/free-ports.ts';
import { type RunningGateway, startGateway } from './support/gateway.ts';
import { type Listening, listenOnLoopback } from './support/listen.ts';
import { type OfframpProcess, startOfframpProcess } from './support/offramp.ts';
import { sendRequest } from './support/send-request.ts';
import { waitFor } from './support/wait-for.ts';

const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: oslo.example.com\r\n\r\n';
const answer = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

describe('beside an offline connector, a request with the header `Upgrade: CONNECT`', () => {
  let received = '';
  let upstream: Listening;
  let port: number;
  let offramp: OfframpProcess;
  let gateway: RunningGateway;

  beforeAll(async () => {
    const server = net.createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.on('data', (bytes) => {
        received += bytes;
        // Late, so that Envoy has the bytes behind the request before it has an answer.
        setTimeout(() => socket.writable && socket.write(answer), 500);
      });
    });
    upstream = await listenOnLoopback(server);
    port = await freePort();
    const routes = [{ kind: 'HTTPRoute', name: 'berlin' }];
    offramp = await startOfframpProcess({
      connectors: [{ name: 'berlin', online: false, routes }],
    });
    gateway = await startGateway({
      resources: [
        gatewayYaml(port),
        backendYaml('upstream', upstream.port),
        httpRouteYaml('berlin', 'upstream'),
        httpRouteYaml('oslo', 'upstream'),
      ].join('---\n'),
      extensionManager: recommendedExtensionManager({ host: '127.0.0.1', port: offramp.port }),
    });
  });

  afterAll(async () => {
    await gateway?.stop();
    await offramp?.stop();
    await upstream?.stop();
  });

  it('reaches the backend of another route, and no byte behind it does', async () => {
    const berlin = { port, host: 'berlin.example.com', method: 'CONNECT' };
    expect(await sendRequest(berlin)).toMatchObject({ status: 503, body: 'Tunnel not online' });
    const client = net.connect(port, '127.0.0.1');
    let answered = '';
    client.on('error', () => client.destroy());
    client.on('data', (bytes) => {
      answered += bytes;
    });
    const upgrade = 'Connection: Upgrade\r\nUpgrade: CONNECT\r\n';
    client.write(`GET / HTTP/1.1\r\nHost: oslo.example.com\r\n${upgrade}\r\n${smuggled}`);
    await waitFor('an answer', () => answered.endsWith('ok') || undefined, { timeoutMs: 10_000 });
    client.write(smuggled);
    await sleep(500);
    client.destroy();
    expect(answered).toMatch(/^HTTP\/1\.1 200 /);
    expect(received).toContain('upgrade: CONNECT');
    expect(received).not.toContain('smuggled');
  });
});
