import { existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { protoPath } from 'grpc-health-check';
import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import { configSchema } from '../../src/config/schema.ts';
import { OfframpError } from '../../src/errors.ts';
import { Metrics } from '../../src/observe/metrics.ts';
import { implementExtension } from '../../src/server/extension-service.ts';
import { startGrpcServer } from '../../src/server/grpc-server.ts';
import { Hook } from '../../src/server/hook.ts';
import { readSnapshot } from '../../src/xds/snapshot.ts';
import { captures } from '../support/captures.ts';
import {
  callExtension,
  type LogLine,
  logSink,
  startTestServer,
} from '../support/running-server.ts';
import { encodeRequest, encodeXds } from '../support/xds.ts';

const capture = captures.find(({ name }) => name.startsWith('connectors-standalone/'));
const request = capture?.request ?? new Uint8Array();
const berlin = (online: boolean) => ({
  connectors: [
    {
      name: 'berlin',
      online,
      tunnel: { host: 'localhost', port: 8080, endpointId: 'n1' },
      routes: [{ kind: 'HTTPRoute', name: 'berlin', rule: 0 }],
    },
  ],
});

describe('PostTranslateModify over gRPC', () => {
  it('answers with the rewritten snapshot, over TCP and over a unix socket', async () => {
    const tcp = await startTestServer(berlin(false));
    const overTcp = await tcp.call('PostTranslateModify', request);
    expect(overTcp.includes('Tunnel not online')).toBe(true);
    const socket = `unix:${join(tcp.folder, 'run', 'offramp.sock')}`;
    const unix = await startTestServer(berlin(false), { grpc: { address: socket } });
    const overUnix = await unix.call('PostTranslateModify', request);
    expect(Buffer.compare(overTcp, overUnix)).toBe(0);
  });

  it('takes snapshots far beyond gRPC’s default of 4 MiB', async () => {
    const server = await startTestServer(berlin(false));
    const cluster = encodeRequest({ clusters: [{ name: 'x'.repeat(1_000) }] });
    const large = Buffer.concat(Array.from({ length: 20_000 }, () => cluster));
    const response = await server.call('PostTranslateModify', large);
    expect(response.length).toBe(large.length);
  });

  it('answers a malformed envelope with INVALID_ARGUMENT, the place and the reason', async () => {
    const server = await startTestServer(berlin(false));
    const cut = request.subarray(0, 100);
    await expect(server.call('PostTranslateModify', cut)).rejects.toMatchObject({
      code: 3,
      details: expect.stringMatching(
        /^malformed-message: PostTranslateModifyRequest at byte \d+: field 2 wants \d+ bytes, \d+ are left$/,
      ),
    });
    const { text } = await server.get('/metrics');
    expect(text).toContain('offramp_hook_calls_total{outcome="invalid"} 1');
    expect(text).toContain('grpc_code="InvalidArgument"');
  });

  it('answers an unexpected exception with UNAVAILABLE, which Envoy Gateway retries', async () => {
    const log: LogLine[] = [];
    const metrics = new Metrics('offramp');
    const hook = new Hook({
      mode: 'apply',
      settings: configSchema.parse({}),
      currentState: () => {
        throw new Error('a bug');
      },
      metrics,
      log: pino(logSink(log)),
    });
    const server = await startGrpcServer(
      '127.0.0.1:0',
      implementExtension(hook, metrics, pino(logSink(log))),
      {
        limits: configSchema.parse({}).grpc.limits,
        metrics: metrics.server,
        log: pino(logSink(log)),
      },
    );
    try {
      const call = callExtension(server.address, 'PostTranslateModify', request);
      await expect(call).rejects.toMatchObject({ code: 14 });
    } finally {
      await server.stop(1_000);
    }
    expect(await metrics.registry.metrics()).toContain('offramp_hook_panics_total 1');
    expect(log).toContainEqual(
      expect.objectContaining({ err: expect.objectContaining({ message: 'a bug' }) }),
    );
  });

  it('passes one malformed resource through, reports it, and rewrites the rest', async () => {
    const server = await startTestServer(berlin(false));
    const bad = Buffer.from([0x2a, 0x03, 0x12, 0x7f, 0x00]);
    const response = await server.call('PostTranslateModify', Buffer.concat([bad, request]));
    expect(response.subarray(0, 5)).toEqual(Buffer.from([0x22, 0x03, 0x12, 0x7f, 0x00]));
    expect(response.includes('Tunnel not online')).toBe(true);
    const line = server.log.find(({ msg }) => msg === 'PostTranslateModify');
    expect(line?.skips).toEqual([expect.stringMatching(/^malformed-resource: routes\[0\]/)]);
    const { text } = await server.get('/metrics');
    expect(text).toContain('offramp_rewrites_skipped_total{reason="malformed-resource"} 1');
  });

  it('answers damaged requests with a reason or a well-formed response, and stays up', async () => {
    const server = await startTestServer(berlin(false));
    const answers = { good: 0, refused: 0 };
    for (const damaged of damages(request)) {
      await server.call('PostTranslateModify', damaged).then(
        (response) => {
          readSnapshot(response);
          answers.good++;
        },
        (error: unknown) => {
          expect(error).toMatchObject({
            code: 3,
            details: expect.stringMatching(/ at byte \d+: /),
          });
          answers.refused++;
        },
      );
    }
    expect(answers.good).toBeGreaterThan(10);
    expect(answers.refused).toBeGreaterThan(100);
    expect((await server.get('/readyz')).status).toBe(200);
  });

  it('in shadow mode answers with what came, and counts what it would have done', async () => {
    const server = await startTestServer(berlin(false), { mode: 'shadow' });
    const response = await server.call('PostTranslateModify', request);
    expect(response.includes('Tunnel not online')).toBe(false);
    const { text } = await server.get('/metrics');
    expect(text).toContain('offramp_connector_offline_routes_total 1');
  });

  it('shows in the metrics what readiness depends on, and connectors by state', async () => {
    const server = await startTestServer(berlin(false));
    const offline = (await server.get('/metrics')).text;
    expect(offline).toContain('offramp_ready{check="grpc"} 1');
    expect(offline).toContain('offramp_ready{check="state file"} 1');
    expect(offline).toContain('offramp_connectors{source="file",state="offline"} 1');
    expect(offline).toContain('offramp_connectors{source="file",state="online"} 0');
  });

  it('warns once when clusters come without routes', async () => {
    const server = await startTestServer(berlin(false));
    const noRoutes = encodeRequest({ clusters: [{ name: 'a' }] });
    const warned = () => server.log.some(({ msg }) => msg.includes('route.includeAll'));
    await server.call('PostTranslateModify', new Uint8Array());
    expect(warned()).toBe(false);
    await server.call('PostTranslateModify', noRoutes);
    await server.call('PostTranslateModify', noRoutes);
    const warnings = server.log.filter(({ msg }) => msg.includes('route.includeAll'));
    expect(warnings).toHaveLength(1);
  });

  it('logs one line a call, with the fields dashboards search for', async () => {
    const server = await startTestServer(berlin(false));
    await server.call('PostTranslateModify', request);
    const lines = server.log.filter(({ msg }) => msg === 'PostTranslateModify');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({
      clusters: 14,
      listeners: 2,
      route_configs: 1,
      clusters_replaced: 0,
      clusters_offline: 1,
      vhosts_connector_applied: 1,
      connector_offline_routes: 1,
      duration_ms: expect.any(Number),
      snapshot_bytes: request.length,
    });
  });

  it('uses the configured prefix for its metrics, and go-grpc-middleware’s names as they are', async () => {
    const server = await startTestServer(berlin(true), { metrics: { prefix: 'nso_extension' } });
    await server.call('PostTranslateModify', request);
    const { text } = await server.get('/metrics');
    expect(text).toContain('nso_extension_connector_clusters_replaced_total 1');
    expect(text).toContain('nso_extension_cache_synced{source="file"} 1');
    expect(text).toContain('nso_extension_rpc_duration_seconds_count{outcome="ok"} 1');
    expect(text).toMatch(/grpc_server_handled_total\{.*grpc_method="PostTranslateModify".*\} 1/);
    expect(text).not.toContain('offramp_');
  });
});

/** The request cut at every 64th byte, and with single bits flipped all over. */
function* damages(whole: Uint8Array): Generator<Uint8Array> {
  for (let length = 1; length < whole.length; length += 64) yield whole.subarray(0, length);
  for (let at = 0; at < whole.length; at += 61) {
    const flipped = Buffer.from(whole);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
    yield flipped;
  }
}

describe('the hooks that Offramp does not act on', () => {
  const route = encodeXds('envoy.config.route.v3.Route', { name: 'r', match: { prefix: '/' } });
  const field = Buffer.concat([Buffer.from([0x0a, route.length]), route]);
  const context = Buffer.from([0x12, 0x02, 0x12, 0x00]);

  it.each([
    'PostRouteModify',
    'PostVirtualHostModify',
    'PostHTTPListenerModify',
    'PostClusterModify',
    'PostEndpointsModify',
  ])('%s answers with the resource that came, without its context', async (rpc) => {
    const server = await startTestServer(berlin(false));
    const response = await server.call(rpc, Buffer.concat([context, field]));
    expect(response).toEqual(field);
  });
});

describe('a change of the state file', () => {
  it('is used by the next call, and a broken edit is told but changes nothing', async () => {
    const server = await startTestServer(berlin(true));
    const answersOffline = async () =>
      (await server.call('PostTranslateModify', request)).includes('Tunnel not online');
    expect(await answersOffline()).toBe(false);
    writeFileSync(server.stateFile, 'connectors: [{name: berlin, onlin: false}]');
    const verbose = await vi.waitFor(async () => {
      const answer = await server.get('/readyz?verbose');
      expect(answer.text).toContain('did you mean online?');
      return answer;
    }, 5_000);
    expect(verbose.status).toBe(200);
    expect(verbose.text).toContain(`${server.stateFile}:1:29: connectors[0].onlin`);
    expect(server.log.filter(({ level }) => level === 50)).toHaveLength(1);
    expect(await answersOffline()).toBe(false);
    expect((await server.get('/metrics')).text).toMatch(
      /offramp_state_age_seconds\{source="file"\} 0\.\d/,
    );
    writeFileSync(
      server.stateFile,
      'connectors: [{name: berlin, online: false, routes: [{kind: HTTPRoute, name: berlin}]}]',
    );
    await vi.waitFor(async () => expect(await answersOffline()).toBe(true), 5_000);
    expect((await server.get('/readyz?verbose')).text).not.toContain('onlin:');
  });
});

describe('health and readiness', () => {
  it('says ready over HTTP and SERVING over gRPC', async () => {
    const server = await startTestServer(undefined);
    expect(await server.get('/healthz')).toEqual({ status: 200, text: 'ok\n' });
    expect(await server.get('/readyz')).toEqual({ status: 200, text: 'ready\n' });
    expect((await server.get('/nothing')).status).toBe(404);
    expect(await checkHealth(server.grpcAddress)).toBe('SERVING');
    expect(server.log.some(({ msg }) => msg.includes('no connector is known'))).toBe(true);
  });

  it('takes the socket of a process that is gone, but not of one that listens', async () => {
    const first = await startTestServer(undefined);
    const path = join(first.folder, 'offramp.sock');
    const address = { grpc: { address: `unix:${path}` } };
    const server = await startTestServer(undefined, address);
    await expect(startTestServer(undefined, address)).rejects.toThrow('another process listens');
    await server.stop();
    expect(existsSync(path)).toBe(false);
    writeFileSync(path, 'no socket');
    await expect(startTestServer(undefined, address)).rejects.toThrow('a file that is no socket');
  });

  it('says which address cannot be used', async () => {
    const blocker = createServer();
    await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', () => resolve()));
    const taken = blocker.address();
    const port = typeof taken === 'object' ? taken?.port : 0;
    try {
      const config = { grpc: { address: `127.0.0.1:${port}` } };
      const start = startTestServer(undefined, config);
      await expect(start).rejects.toThrow(OfframpError);
      await expect(start).rejects.toThrow(`grpc.address 127.0.0.1:${port}`);
    } finally {
      blocker.close();
    }
  });
});

function checkHealth(address: string): Promise<unknown> {
  const check = loadSync(protoPath, { enums: String })['grpc.health.v1.Health'];
  if (check === undefined || !('Check' in check)) throw new Error('no health service');
  const { path, requestSerialize, responseDeserialize } = check.Check;
  const client = new Client(address, credentials.createInsecure());
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, response?: object) => {
      client.close();
      if (error === null) resolve(response && 'status' in response ? response.status : undefined);
      else reject(error);
    };
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, {}, done);
  });
}
