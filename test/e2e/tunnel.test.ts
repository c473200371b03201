import { randomBytes } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { complementOf, startTcpUpstream } from './support/byte-upstreams.ts';
import { callGrpc } from './support/call-grpc.ts';
import { openConnectOverHttp1, openConnectOverHttp2, readBytes } from './support/connect-stream.ts';
import { backendYaml, gatewayYaml, httpRouteYaml } from './support/example-resources.ts';
import { recommendedExtensionManager } from './support/extension-manager.ts';
import { freePort } from './support/free-ports.ts';
import { type RunningGateway, startGateway } from './support/gateway.ts';
import type { Listening } from './support/listen.ts';
import { type OfframpProcess, startOfframpProcess } from './support/offramp.ts';
import { sendRequest, webSocketHandshake } from './support/send-request.ts';
import { startTunnelEnd, type TunnelEnd } from './support/tunnel-end.ts';
import { startGrpcUpstream, startHttpUpstream, type Upstream } from './support/upstreams.ts';

/** Two online connectors and an offline one at `site.example.com`. */
const siteYaml = `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: site, namespace: default }
spec:
  parentRefs: [{ name: eg }]
  hostnames: [site.example.com]
  rules:
${['/first', '/offline', '/later'].map(pathRule).join('')}`;

function pathRule(path: string): string {
  return `    - matches: [{ path: { type: PathPrefix, value: ${path} } }]
      backendRefs: [{ group: gateway.envoyproxy.io, kind: Backend, name: direct }]
`;
}

describe('an online connector', () => {
  /** Where routes lead without a connector. */
  let direct: Upstream;
  let directGrpc: Upstream;
  let site: Upstream;
  let chat: Upstream;
  let bytes: Listening;
  let end: TunnelEnd;
  let port: number;
  let offramp: OfframpProcess;
  let gateway: RunningGateway;

  beforeAll(async () => {
    direct = await startHttpUpstream('direct');
    directGrpc = await startGrpcUpstream('direct');
    site = await startHttpUpstream('site');
    chat = await startGrpcUpstream('chat');
    bytes = await startTcpUpstream('bytes');
    end = await startTunnelEnd();
    port = await freePort();
    const connector = (name: string, target: Listening, route: object) => ({
      name,
      online: true,
      tunnel: { host: 'localhost', port: target.port, endpointId: `endpoint-of-${name}` },
      routes: [route],
    });
    offramp = await startOfframpProcess({
      connectors: [
        connector('oslo', bytes, { kind: 'HTTPRoute', name: 'oslo' }),
        connector('bergen', site, { kind: 'HTTPRoute', name: 'site', rule: 0 }),
        { name: 'berlin', online: false, routes: [{ kind: 'HTTPRoute', name: 'site', rule: 1 }] },
        connector('tromso', bytes, { kind: 'HTTPRoute', name: 'site', rule: 2 }),
        connector('chat', chat, { kind: 'GRPCRoute', name: 'chat' }),
      ],
    });
    const resources = [
      gatewayYaml(port),
      backendYaml('direct', direct.port),
      `${backendYaml('direct-grpc', directGrpc.port)}  appProtocols: [gateway.envoyproxy.io/h2c]\n`,
      httpRouteYaml('oslo', 'direct'),
      siteYaml,
      httpRouteYaml('chat', 'direct-grpc').replace('HTTPRoute', 'GRPCRoute'),
    ];
    gateway = await startGateway({
      resources: resources.join('---\n'),
      extensionManager: recommendedExtensionManager({ host: '127.0.0.1', port: offramp.port }),
      configuration: { envoyProxy: end.envoyProxy },
    });
  });

  afterAll(async () => {
    await gateway?.stop();
    await offramp?.stop();
    await end?.stop();
    for (const one of [direct, directGrpc, site, chat, bytes]) await one?.stop();
  });

  /** How the far end knows a connection of this connector. */
  const tunnelOf = (name: string, target: Listening) => ({
    address: `localhost:${target.port}`,
    endpointId: `endpoint-of-${name}`,
  });

  it('gets requests through the tunnel cluster and Envoy’s internal listener', async () => {
    const response = await sendRequest({ port, host: 'site.example.com', path: '/first/x' });
    expect(response).toMatchObject({ status: 200, body: 'site\n' });
    expect(site.requests().map(({ path }) => path)).toEqual(['/first/x']);
    expect(end.seen()).toEqual([tunnelOf('bergen', site)]);
  });

  it('gets gRPC calls through it, when its backend speaks HTTP/2', async () => {
    const answer = await callGrpc({ port, host: 'chat.example.com', method: '/chat.Chat/Say' });
    expect(answer?.toString()).toContain('chat');
    expect(chat.requests().map(({ path }) => path)).toEqual(['/chat.Chat/Say']);
    expect(end.seen()).toContainEqual(tunnelOf('chat', chat));
  });

  it.each([
    { version: 'HTTP/1.1', open: openConnectOverHttp1 },
    { version: 'HTTP/2', open: openConnectOverHttp2 },
  ])('carries the bytes behind a CONNECT over $version both ways', async ({ open }) => {
    const before = end.seen().length;
    const { status, stream } = await open({ port, host: 'oslo.example.com' });
    try {
      expect(status).toBe(200);
      // The server speaks first.
      expect(await readBytes(stream, 6)).toEqual(Buffer.from('bytes\n'));
      for (const size of [1, 1_000_000]) {
        const sent = randomBytes(size);
        stream.write(sent);
        const received = await readBytes(stream, size);
        expect(received.equals(complementOf(sent))).toBe(true);
      }
    } finally {
      stream.destroy();
    }
    expect(end.seen().slice(before)).toEqual([tunnelOf('oslo', bytes)]);
  });

  it('is reached at the domain of its virtual host, too', async () => {
    const host = 'default-eg-http-site-example-com.connector.internal';
    const response = await sendRequest({ port, host, path: '/first/y' });
    expect(response).toMatchObject({ status: 200, body: 'site\n' });
  });

  describe('beside an offline one in the same virtual host', () => {
    it('leaves the offline route its answer', async () => {
      const response = await sendRequest({ port, host: 'site.example.com', path: '/offline' });
      expect(response).toMatchObject({ status: 503, body: 'Tunnel not online' });
    });

    it('leaves WebSocket handshakes for the offline route a 503', async () => {
      const request = { port, host: 'site.example.com', path: '/offline' };
      const response = await sendRequest({ ...request, headers: webSocketHandshake });
      expect(response.status).toBe(503);
    });

    it('owns CONNECT, the first of several in the order of routes', async () => {
      const before = end.seen().length;
      const { status, stream } = await openConnectOverHttp1({ port, host: 'site.example.com' });
      try {
        expect(status).toBe(200);
        stream.write('GET /inside HTTP/1.1\r\nhost: inside\r\nconnection: close\r\n\r\n');
        expect(await text(stream)).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
      } finally {
        stream.destroy();
      }
      expect(site.requests().at(-1)).toMatchObject({ path: '/inside' });
      expect(end.seen().slice(before)).toEqual([tunnelOf('bergen', site)]);
    });
  });

  it('leaves the backends that its routes name without a connection', () => {
    expect(direct.connectionCount() + directGrpc.connectionCount()).toBe(0);
  });
});
