import http2 from 'node:http2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
    expect(await connectOverHttp2(port, 'berlin.example.com')).toEqual({ status: 503, body });
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

function connectOverHttp2(port: number, authority: string) {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  return new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
    session.once('error', reject);
    const stream = session.request({ ':method': 'CONNECT', ':authority': `${authority}:443` });
    stream.setTimeout(10_000, () => reject(new Error('no answer to CONNECT')));
    stream.once('error', reject);
    stream.setEncoding('utf8');
    let status: number | undefined;
    let body = '';
    stream.once('response', (headers) => {
      status = headers[':status'];
    });
    stream.on('data', (chunk: string) => {
      body += chunk;
    });
    stream.once('end', () => resolve({ status, body }));
  }).finally(() => session.destroy());
}
