import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectOverHttp2 } from './support/connect-stream.ts';
import { backendYaml, gatewayYaml, httpRouteYaml } from './support/example-resources.ts';
import { freePort } from './support/free-ports.ts';
import { type RunningGateway, startGateway } from './support/gateway.ts';
import { type OfframpProcess, startOfframpProcess } from './support/offramp.ts';
import { sendRequest } from './support/send-request.ts';
import { startHttpUpstream, type Upstream } from './support/upstreams.ts';

const state = {
  connectors: [{ name: 'berlin', online: false, routes: [{ kind: 'HTTPRoute', name: 'berlin' }] }],
};

/** Without listeners there is nobody to let CONNECT reach a direct response. */
const cases = [
  { sent: 'with listeners', listeners: true, body: 'Tunnel not online' },
  { sent: 'without listeners', listeners: false, body: '' },
] as const;

describe.each(cases)('$sent in the snapshot, an offline connector', ({ listeners, body }) => {
  let upstream: Upstream;
  let port: number;
  let offramp: OfframpProcess;
  let gateway: RunningGateway;

  beforeAll(async () => {
    upstream = await startHttpUpstream('berlin');
    port = await freePort();
    offramp = await startOfframpProcess(state);
    const all = { includeAll: true };
    const translation = {
      listener: { includeAll: listeners },
      route: all,
      cluster: all,
      secret: { includeAll: false },
    };
    const resources = [
      gatewayYaml(port),
      backendYaml('berlin', upstream.port),
      httpRouteYaml('berlin', 'berlin'),
    ];
    gateway = await startGateway({
      resources: resources.join('---\n'),
      extensionManager: {
        hooks: { xdsTranslator: { post: ['Translation'], translation } },
        service: { fqdn: { hostname: '127.0.0.1', port: offramp.port } },
      },
    });
  });

  afterAll(async () => {
    await gateway?.stop();
    await offramp?.stop();
    await upstream?.stop();
  });

  it('answers CONNECT over HTTP/1.1', async () => {
    const response = await sendRequest({ port, host: 'berlin.example.com', method: 'CONNECT' });
    expect(response).toMatchObject({ status: 503, body });
  });

  it('answers CONNECT over HTTP/2', async () => {
    const response = await connectOverHttp2({ port, host: 'berlin.example.com' });
    expect(response).toEqual({ status: 503, body });
  });

  it('answers a WebSocket handshake', async () => {
    const headers = {
      connection: 'Upgrade',
      upgrade: 'WebSocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
    };
    const response = await sendRequest({ port, host: 'berlin.example.com', headers });
    expect(response.status).toBe(503);
  });

  it('answers other requests, and reaches no upstream', async () => {
    const response = await sendRequest({ port, host: 'berlin.example.com' });
    expect(response).toMatchObject({ status: 503, body: 'Tunnel not online' });
    expect(upstream.connectionCount()).toBe(0);
  });
});
