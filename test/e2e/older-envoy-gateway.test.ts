import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callGrpc } from './support/call-grpc.ts';
import { differingPlaces } from './support/dump-differences.ts';
import { fetchJson } from './support/envoy-admin.ts';
import {
  backendYaml,
  filteredRefYaml,
  gatewayYaml,
  httpRouteYaml,
  plainRefYaml,
  routeYaml,
} from './support/example-resources.ts';
import { recommendedExtensionManager } from './support/extension-manager.ts';
import { freePort } from './support/free-ports.ts';
import { type RunningGateway, startGateway } from './support/gateway.ts';
import { type OfframpProcess, startOfframpProcess } from './support/offramp.ts';
import { reportedPlaces } from './support/reported-places.ts';
import { sendRequest } from './support/send-request.ts';
import { OLDER_RELEASE as release } from './support/testbed-versions.ts';
import { startGrpcUpstream, startHttpUpstream, type Upstream } from './support/upstreams.ts';
import { waitFor } from './support/wait-for.ts';

const nobody = { connectors: [] };
const berlinAndOslo = {
  connectors: [
    {
      name: 'berlin',
      online: false,
      routes: [
        { kind: 'HTTPRoute', name: 'berlin', rule: 0 },
        { kind: 'HTTPRoute', name: 'split', rule: 0, backend: 1 },
        { kind: 'GRPCRoute', name: 'chat' },
      ],
    },
    {
      name: 'oslo',
      online: true,
      tunnel: { host: 'localhost', port: 8080, endpointId: '4f1c0a' },
      clusters: ['httproute/default/oslo/rule/0'],
    },
  ],
};

describe(`Offramp behind Envoy Gateway ${release.version}`, () => {
  const upstreams = new Map<string, Upstream>();
  let folder: string;
  let port: number;
  let tcpPort: number;
  let offramp: OfframpProcess;
  let gateway: RunningGateway;
  let plainDump: unknown;

  const upstream = (name: string): Upstream => {
    const found = upstreams.get(name);
    if (found === undefined) throw new Error(`no upstream ${name}`);
    return found;
  };
  const berlin = () => sendRequest({ port, host: 'berlin.example.com' });
  const callChat = () => callGrpc({ port, host: 'chat.example.com', method: '/chat.Chat/Say' });
  const becomes = (status: number) =>
    waitFor(`status ${status}`, async () => (await berlin()).status === status, {
      timeoutMs: 3_000,
      intervalMs: 20,
    });

  beforeAll(async () => {
    for (const name of ['berlin', 'healthy', 'seventy', 'ten']) {
      upstreams.set(name, await startHttpUpstream(name));
    }
    upstreams.set('chat', await startGrpcUpstream('chat'));
    port = await freePort();
    tcpPort = await freePort();
    const resources = makeResources();
    plainDump = await dumpWithout(resources);
    folder = await mkdtemp(join(tmpdir(), 'offramp-e2e-watched-'));
    const watched = join(folder, 'resources');
    offramp = await startOfframpProcess(nobody, { retrigger: { folder: watched } });
    const extensionManager = recommendedExtensionManager({ host: '127.0.0.1', port: offramp.port });
    gateway = await startGateway({ release, resources, extensionManager });
    await symlink(join(gateway.folder, 'resources'), watched);
  });

  afterAll(async () => {
    await gateway?.stop();
    await offramp?.stop();
    for (const one of upstreams.values()) await one.stop();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  it('runs with the Envoy that it was released with', async () => {
    const info = await fetchJson(gateway.envoyAdmin, '/server_info');
    expect(info).toMatchObject({ version: expect.stringContaining(`/${release.envoy}/`) });
  });

  it('changes nothing at all in Envoy while there is no connector', async () => {
    expect(differingPlaces(plainDump, await gateway.configDump())).toEqual([]);
    expect(await berlin()).toMatchObject({ status: 200, body: 'berlin\n' });
    await expect(callChat()).resolves.toBeInstanceOf(Buffer);
  });

  describe('once the state file has an offline and an online connector', () => {
    beforeAll(async () => {
      await offramp.writeState(berlinAndOslo);
      await becomes(503);
      for (const one of upstreams.values()) one.reset();
    });

    it('answers its route, and leaves the sibling path to its healthy backend', async () => {
      expect(await berlin()).toMatchObject({ status: 503, body: 'Tunnel not online' });
      const health = await sendRequest({ port, host: 'berlin.example.com', path: '/health' });
      expect(health).toMatchObject({ status: 200, body: 'healthy\n' });
      expect(upstream('berlin').connectionCount()).toBe(0);
    });

    it('gives its share of a split to the others, by their weights', async () => {
      const total = 1_000;
      for (let sent = 0; sent < total; sent++) {
        expect((await sendRequest({ port, host: 'split.example.com' })).status).toBe(200);
      }
      const seventy = upstream('seventy').requestCount();
      const ten = upstream('ten').requestCount();
      expect(seventy + ten).toBe(total);
      expect(Math.abs((100 * ten) / total - 12.5)).toBeLessThan(5);
      expect(upstream('berlin').connectionCount()).toBe(0);
    });

    it('answers CONNECT with the body, WebSocket handshakes and gRPC calls', async () => {
      const connected = await sendRequest({ port, host: 'berlin.example.com', method: 'CONNECT' });
      expect(connected).toMatchObject({ status: 503, body: 'Tunnel not online' });
      const upgrade = { connection: 'Upgrade', upgrade: 'websocket' };
      const headers = { ...upgrade, 'sec-websocket-version': '13', 'sec-websocket-key': 'AAAA' };
      const webSocket = await sendRequest({ port, host: 'berlin.example.com', headers });
      expect(webSocket.status).toBe(503);
      const refused = { code: 14, details: 'Tunnel not online' };
      await expect(callChat()).rejects.toMatchObject(refused);
      expect(upstream('chat').connectionCount()).toBe(0);
    });

    it('leads the online connector’s cluster and CONNECT into its tunnel', async () => {
      const dump = JSON.stringify(await gateway.configDump());
      expect(dump).toContain('"server_listener_name":"connector-tunnel"');
      // Envoy prints the fields of a Struct in any order.
      expect(dump).toMatch(/"tunnel":\{[^}]*"address":"localhost:8080"/);
      expect(dump).toMatch(/"tunnel":\{[^}]*"endpoint_id":"4f1c0a"/);
      expect(dump).toContain('"connector-connect-default-eg-http-oslo-example-com"');
    });

    it('leaves the TCPRoute to the same backend alone', async () => {
      const request = 'GET / HTTP/1.1\r\nhost: berlin\r\nconnection: close\r\n\r\n';
      const socket = connect({ host: '127.0.0.1', port: tcpPort });
      socket.setTimeout(5_000, () => socket.destroy(new Error('no answer over TCP')));
      socket.write(request);
      expect(await text(socket)).toMatch(/^HTTP\/1.1 200 OK[\s\S]*berlin\n/);
    });

    it('changes in Envoy what the report lists, and nothing else', async () => {
      const changed = differingPlaces(plainDump, await gateway.configDump());
      const ours = changed.filter((place) => !/\/g[0-9a-f]{12}_offramp_invalid > /.test(place));
      expect(changed.length).toBeGreaterThan(ours.length);
      expect(ours.length).toBeGreaterThan(8);
      expect(ours).toEqual(reportedPlaces(offramp));
      expect(ours).not.toContainEqual(expect.stringContaining('tcp'));
    });

    it('gives all of it back when the state file does', async () => {
      await offramp.writeState(nobody);
      await becomes(200);
      const changed = differingPlaces(plainDump, await gateway.configDump());
      const others = changed.filter((place) => !place.includes('_offramp_invalid > '));
      expect(others).toEqual([]);
    });
  });

  async function dumpWithout(resources: string): Promise<unknown> {
    const alone = await startGateway({ release, resources });
    try {
      return await alone.configDump();
    } finally {
      await alone.stop();
    }
  }

  function makeResources(): string {
    const backends = ['berlin', 'healthy', 'seventy', 'ten'].map((name) =>
      backendYaml(name, upstream(name).port),
    );
    const named = backendYaml('oslo', upstream('healthy').port).replace(
      'ip: { address: 127.0.0.1',
      'fqdn: { hostname: localhost',
    );
    const chat = `${backendYaml('chat', upstream('chat').port)}  appProtocols: [gateway.envoyproxy.io/h2c]\n`;
    const health = '    - matches: [{ path: { type: PathPrefix, value: /health } }]\n';
    const split =
      filteredRefYaml('seventy', 70) + filteredRefYaml('berlin', 20) + filteredRefYaml('ten', 10);
    return [
      `${gatewayYaml(port)}    - { name: tcp, protocol: TCP, port: ${tcpPort} }\n`,
      ...backends,
      named,
      chat,
      routeYaml('berlin', `    -\n${plainRefYaml('berlin')}${health}${plainRefYaml('healthy')}`),
      routeYaml('split', `    - backendRefs:\n${split}`),
      httpRouteYaml('oslo', 'oslo'),
      routeYaml('chat', `    -\n${plainRefYaml('chat')}`, 'GRPCRoute'),
      `apiVersion: gateway.networking.k8s.io/${release.tcpRoute}
kind: TCPRoute
metadata: { name: berlin, namespace: default }
spec:
  parentRefs: [{ name: eg, sectionName: tcp }]
  rules:
    -
${plainRefYaml('berlin')}`,
    ].join('---\n');
  }
});
