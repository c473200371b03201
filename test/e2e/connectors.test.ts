import { execFile } from 'node:child_process';
import { basename, dirname } from 'node:path';
import { promisify } from 'node:util';
import { protoPath } from 'grpc-health-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callGrpc } from './support/call-grpc.ts';
import { differingPlaces } from './support/dump-differences.ts';
import {
  backendYaml,
  filteredRefYaml,
  gatewayYaml,
  plainRefYaml,
  routeYaml,
} from './support/example-resources.ts';
import { recommendedExtensionManager } from './support/extension-manager.ts';
import { freePort } from './support/free-ports.ts';
import { type RunningGateway, startGateway } from './support/gateway.ts';
import { type OfframpProcess, startOfframpProcess } from './support/offramp.ts';
import { reportedPlaces } from './support/reported-places.ts';
import { sendRequest } from './support/send-request.ts';
import { testbedToolPath } from './support/testbed-cache.ts';
import { startGrpcUpstream, startHttpUpstream, type Upstream } from './support/upstreams.ts';

const state = {
  connectors: [
    {
      name: 'berlin',
      online: false,
      routes: [
        { kind: 'HTTPRoute', namespace: 'default', name: 'berlin', rule: 0 },
        { kind: 'HTTPRoute', namespace: 'default', name: 'split', rule: 0, backend: 1 },
        { kind: 'HTTPRoute', namespace: 'default', name: 'dead', rule: 0 },
        { kind: 'GRPCRoute', namespace: 'default', name: 'chat' },
      ],
      clusters: ['httproute/default/mirror/rule/0-mirror-0'],
    },
    {
      name: 'oslo',
      online: true,
      tunnel: { host: 'localhost', port: 8080, endpointId: '4f1c0a' },
      clusters: ['httproute/default/oslo/rule/0'],
    },
  ],
};

describe('Offramp behind a real Envoy Gateway', () => {
  const upstreams = new Map<string, Upstream>();
  let port: number;
  let resources: string;
  let offramp: OfframpProcess;
  let gateway: RunningGateway;
  let plainDump: unknown;

  const upstream = (name: string): Upstream => {
    const found = upstreams.get(name);
    if (found === undefined) throw new Error(`no upstream ${name}`);
    return found;
  };

  beforeAll(async () => {
    for (const name of ['berlin', 'healthy', 'seventy', 'ten', 'mirrored']) {
      upstreams.set(name, await startHttpUpstream(name));
    }
    upstreams.set('chat', await startGrpcUpstream('chat'));
    port = await freePort();
    resources = makeResources();
    plainDump = await dumpWithout();
    const headers = { 'Retry-After': 30, 'X-Note': '50% off' };
    offramp = await startOfframpProcess(state, { connectors: { offlineResponse: { headers } } });
    gateway = await startGateway({ resources, extensionManager: manager(offramp) });
  });

  afterAll(async () => {
    await gateway?.stop();
    await offramp?.stop();
    for (const one of upstreams.values()) await one.stop();
  });

  it.each(['GET', 'POST'])(
    'answers %s at once, without a connection to the upstream',
    async (method) => {
      const response = await sendRequest({ port, host: 'berlin.example.com', path: '/x', method });
      expect(response).toMatchObject({ status: 503, body: 'Tunnel not online' });
      expect(response.headers).toMatchObject({ 'retry-after': '30', 'x-note': '50% off' });
      expect(upstream('berlin').connectionCount()).toBe(0);
    },
  );

  it('leaves the sibling path of the same host to its healthy backend', async () => {
    const response = await sendRequest({ port, host: 'berlin.example.com', path: '/health' });
    expect(response).toMatchObject({ status: 200, body: 'healthy\n' });
  });

  it('answers a gRPC call with UNAVAILABLE and the message', async () => {
    const call = callGrpc({ port, host: 'chat.example.com', method: '/chat.Chat/Say' });
    await expect(call).rejects.toMatchObject({ code: 14, details: 'Tunnel not online' });
    expect(upstream('chat').connectionCount()).toBe(0);
  });

  it('gives the share of an offline backendRef to the others, by their weights', async () => {
    const counts = new Map<string, number>();
    const total = 4_000;
    const workers = 8;
    const work = async () => {
      for (let sent = 0; sent < total / workers; sent++) {
        const { status, body } = await sendRequest({ port, host: 'split.example.com' });
        const who = `${status} ${body.trim()}`;
        counts.set(who, (counts.get(who) ?? 0) + 1);
      }
    };
    await Promise.all(Array.from({ length: workers }, work));
    const share = (who: string) => (100 * (counts.get(who) ?? 0)) / total;
    expect([...counts.keys()].toSorted()).toEqual(['200 seventy', '200 ten']);
    expect(Math.abs(share('200 seventy') - 87.5)).toBeLessThan(4);
    expect(Math.abs(share('200 ten') - 12.5)).toBeLessThan(4);
    process.stderr.write(`split: ${JSON.stringify(Object.fromEntries(counts))}\n`);
    expect(upstream('berlin').connectionCount()).toBe(0);
  });

  it('answers 503 when every backendRef of a split is offline', async () => {
    const response = await sendRequest({ port, host: 'dead.example.com' });
    expect(response).toMatchObject({ status: 503, body: 'Tunnel not online' });
  });

  it('drops the mirror to an offline connector, not the request', async () => {
    for (let sent = 0; sent < 20; sent++) {
      const response = await sendRequest({ port, host: 'mirror.example.com' });
      expect(response).toMatchObject({ status: 200, body: 'healthy\n' });
    }
    expect(upstream('mirrored').connectionCount()).toBe(0);
  });

  it('answers CONNECT and WebSocket handshakes with 503, not with Envoy’s 404 and 403', async () => {
    const connect = await sendRequest({ port, host: 'berlin.example.com', method: 'CONNECT' });
    expect(connect).toMatchObject({ status: 503, body: 'Tunnel not online' });
    const upgrade = { connection: 'Upgrade', upgrade: 'websocket' };
    const headers = { ...upgrade, 'sec-websocket-version': '13', 'sec-websocket-key': 'AAAA' };
    const webSocket = await sendRequest({ port, host: 'berlin.example.com', headers });
    expect(webSocket.status).toBe(503);
  });

  it('changes in Envoy what the report lists, and nothing else', async () => {
    const changed = differingPlaces(plainDump, await gateway.configDump());
    expect(changed.length).toBeGreaterThan(8);
    expect(changed).toEqual(reportedPlaces(offramp));
  });

  it('counts and logs what it did', async () => {
    const line = offramp.log().findLast(({ msg }) => msg === 'PostTranslateModify');
    expect(line).toMatchObject({ connector_offline_routes: 3, clusters_replaced: 1, skipped: 0 });
    const metrics = await (await fetch(`${offramp.url}/metrics`)).text();
    expect(metrics).toContain('offramp_hook_calls_total{outcome="ok"} 1');
    expect(metrics).toContain('offramp_connector_offline_routes_total 3');
  });

  it('shows its service to grpcurl, and that it is healthy', async () => {
    const address = `127.0.0.1:${offramp.port}`;
    const service = 'envoygateway.extension.EnvoyGatewayExtension';
    expect(await grpcurl(address, 'list')).toContain(service);
    const described = await grpcurl(address, 'describe', service);
    expect(described.match(/rpc Post/g)).toHaveLength(6);
    const check = `{"service":"${service}"}`;
    const proto = ['-import-path', dirname(protoPath), '-proto', basename(protoPath)];
    const health = await grpcurl(...proto, '-d', check, address, 'grpc.health.v1.Health/Check');
    expect(health).toContain('"SERVING"');
  });

  it('in shadow mode changes nothing at all, and reports the same', async () => {
    await gateway.stop();
    const shadow = await startOfframpProcess(state, { mode: 'shadow' });
    try {
      gateway = await startGateway({ resources, extensionManager: manager(shadow) });
      expect(differingPlaces(plainDump, await gateway.configDump())).toEqual([]);
      expect(reportedPlaces(shadow)).toEqual(reportedPlaces(offramp));
      const response = await sendRequest({ port, host: 'berlin.example.com' });
      expect(response).toMatchObject({ status: 200, body: 'berlin\n' });
    } finally {
      await gateway.stop();
      await shadow.stop();
    }
  });

  async function dumpWithout(): Promise<unknown> {
    const alone = await startGateway({ resources });
    try {
      const split = await sendRequest({ port, host: 'split.example.com' });
      expect(split.status).toBe(200);
      return await alone.configDump();
    } finally {
      await alone.stop();
      for (const one of upstreams.values()) one.reset();
    }
  }

  function makeResources(): string {
    const backends = ['berlin', 'healthy', 'seventy', 'ten', 'mirrored'].map((name) =>
      backendYaml(name, upstream(name).port),
    );
    const chat = `${backendYaml('chat', upstream('chat').port)}  appProtocols: [gateway.envoyproxy.io/h2c]\n`;
    const health = '    - matches: [{ path: { type: PathPrefix, value: /health } }]\n';
    const mirror =
      '    - filters: [{ type: RequestMirror, requestMirror: { backendRef: { group: gateway.envoyproxy.io, kind: Backend, name: mirrored } } }]\n';
    const split = (refs: string) => `    - backendRefs:\n${refs}`;
    const rule = (name: string) => `    -\n${plainRefYaml(name)}`;
    return [
      gatewayYaml(port),
      ...backends,
      chat,
      backendYaml('oslo', upstream('healthy').port),
      routeYaml('berlin', `${rule('berlin')}${health}${plainRefYaml('healthy')}`),
      routeYaml('oslo', rule('oslo')),
      routeYaml(
        'split',
        split(
          filteredRefYaml('seventy', 70) +
            filteredRefYaml('berlin', 20) +
            filteredRefYaml('ten', 10),
        ),
      ),
      routeYaml('dead', split(filteredRefYaml('berlin', 20) + filteredRefYaml('seventy', 10))),
      routeYaml('mirror', `${mirror}${plainRefYaml('healthy')}`),
      routeYaml('plain', rule('healthy')),
      routeYaml('chat', rule('chat'), 'GRPCRoute'),
    ].join('---\n');
  }
});

function manager(offramp: OfframpProcess) {
  return recommendedExtensionManager({ host: '127.0.0.1', port: offramp.port });
}

async function grpcurl(...args: string[]): Promise<string> {
  const run = promisify(execFile);
  const { stdout } = await run(testbedToolPath('grpcurl'), ['-plaintext', ...args], {
    timeout: 20_000,
  });
  return stdout;
}
