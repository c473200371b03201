import { existsSync } from 'node:fs';
import { connect } from 'node:http2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startProcess } from './support/child-process.ts';
import { backendYaml, gatewayYaml, httpRouteYaml } from './support/example-resources.ts';
import { acceptsConnections, freePort } from './support/free-ports.ts';
import { type RunningGateway, startGateway } from './support/gateway.ts';
import { descendantsOf, identify } from './support/process-tree.ts';
import { type RecordingHook, startRecordingHook } from './support/record-hook.ts';
import { sendRequest } from './support/send-request.ts';
import { startGrpcUpstream, startHttpUpstream, type Upstream } from './support/upstreams.ts';
import { waitFor } from './support/wait-for.ts';

describe.each(['tcp', 'unix'] as const)(
  'a gateway with an extension server over %s',
  (transport) => {
    let upstream: Upstream;
    let hook: RecordingHook;
    let gateway: RunningGateway;
    let port: number;

    const resources = (...routes: string[]): string =>
      [gatewayYaml(port), backendYaml('app', upstream.port), ...routes].join('---\n');

    beforeAll(async () => {
      upstream = await startHttpUpstream('app');
      hook = await startRecordingHook({ transport });
      port = await freePort();
      gateway = await startGateway({
        resources: resources(httpRouteYaml('berlin', 'app')),
        extensionManager: hook.extensionManager,
      });
    });

    afterAll(async () => {
      await gateway?.stop();
      await hook?.stop();
      await upstream?.stop();
    });

    it('asks the hook and forwards to the upstream', async () => {
      expect(hook.requests()).toHaveLength(1);
      const response = await sendRequest({ port, host: 'berlin.example.com', path: '/hello' });
      expect(response).toMatchObject({ status: 200, body: 'app\n' });
      expect(upstream.requests().map((request) => request.path)).toEqual(['/hello']);
      expect(upstream.connectionCount()).toBe(1);
    });

    it('shows what Envoy runs', async () => {
      expect(JSON.stringify(await gateway.configDump())).toContain(
        'httproute/default/berlin/rule/0',
      );
      expect(await gateway.envoys()).toEqual([
        { gateway: 'default/eg', admin: gateway.envoyAdmin },
      ]);
    });

    it('brings new resources to Envoy', async () => {
      const both = resources(httpRouteYaml('berlin', 'app'), httpRouteYaml('oslo', 'app'));
      await gateway.updateResources(both);
      await gateway.waitForConfig('oslo', (dump) => dump.includes('httproute/default/oslo/rule/0'));
      const response = await sendRequest({ port, host: 'oslo.example.com' });
      expect(response.status).toBe(200);
      expect(hook.requests()).toHaveLength(2);
    });

    it('leaves no process, port or file behind', async () => {
      const server = identify(gateway.pid);
      const envoys = descendantsOf(gateway.pid);
      expect(server).toBeDefined();
      expect(envoys).toHaveLength(1);
      await gateway.stop();
      expect([gateway.pid, ...envoys.map(({ pid }) => pid)].map(identify)).toEqual([
        undefined,
        undefined,
      ]);
      expect(await acceptsConnections(port)).toBe(false);
      expect(existsSync(gateway.folder)).toBe(false);
    });
  },
);

describe('a gateway whose extension server hangs', () => {
  it('stops all the same', async () => {
    const hook = await startRecordingHook({ hang: true });
    const port = await freePort();
    const gateway = await startGateway({
      resources: gatewayYaml(port),
      extensionManager: hook.extensionManager,
      awaitPorts: [],
    });
    try {
      await hook.waitForRequests(1);
    } finally {
      await gateway.stop();
      await hook.stop();
    }
    expect(identify(gateway.pid)).toBeUndefined();
  });
});

describe('two Gateways', () => {
  it('have an Envoy and a hook call each', async () => {
    const hook = await startRecordingHook();
    const ports = [await freePort(), await freePort()] as const;
    const west = gatewayYaml(ports[1]).replace('name: eg, namespace', 'name: west, namespace');
    const gateway = await startGateway({
      resources: [gatewayYaml(ports[0]), west].join('---\n'),
      extensionManager: hook.extensionManager,
    });
    try {
      const served = (await gateway.envoys()).map((envoy) => envoy.gateway);
      expect(served).toEqual(['default/eg', 'default/west']);
      expect(hook.requests()).toHaveLength(2);
      const dump = JSON.stringify(await gateway.configDump('default/west'));
      expect(dump).toContain('default/west/http');
    } finally {
      await gateway.stop();
      await hook.stop();
    }
  });
});

describe('a process that ignores SIGTERM', () => {
  it('is killed with its children', async () => {
    const stubborn = await startProcess({
      name: 'a stubborn shell',
      command: 'sh',
      // It waits on when its child is gone, which may be killed before it.
      args: ['-c', 'trap "" TERM; sleep 60 & echo ready; while :; do wait; done'],
    });
    await stubborn.waitForLog(/ready/, 5_000);
    const tree = [stubborn.pid, ...descendantsOf(stubborn.pid).map(({ pid }) => pid)];
    expect(tree).toHaveLength(2);
    await stubborn.stop(200);
    expect(tree.map(identify)).toEqual([undefined, undefined]);
    expect(stubborn.ending()).toBe('signal SIGKILL');
  });
});

describe('a gRPC upstream', () => {
  it('answers its name over HTTP/2 without TLS', async () => {
    const upstream = await startGrpcUpstream('chat');
    const session = connect(`http://127.0.0.1:${upstream.port}`);
    const stream = session.request({
      ':method': 'POST',
      ':path': '/chat.v1.Chat/Say',
      'content-type': 'application/grpc',
    });
    stream.end();
    let trailer: unknown;
    stream.on('trailers', (trailers) => {
      trailer = trailers['grpc-status'];
    });
    let body = '';
    stream.on('data', (chunk: Buffer) => {
      body += chunk.toString('latin1');
    });
    await waitFor('the trailers', () => trailer !== undefined, { timeoutMs: 5_000 });
    session.destroy();
    await upstream.stop();
    expect(trailer).toBe('0');
    expect(body).toContain('chat');
    expect(upstream.requestCount()).toBe(1);
  });
});
