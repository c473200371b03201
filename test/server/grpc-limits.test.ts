import { once } from 'node:events';
import type { ClientHttp2Session } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { sendUnaryData } from '@grpc/grpc-js';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { configSchema } from '../../src/config/schema.ts';
import { Metrics } from '../../src/observe/metrics.ts';
import { startGrpcServer } from '../../src/server/grpc-server.ts';
import { captures } from '../support/captures.ts';
import { connectExtension } from '../support/extension-connection.ts';
import { largeRequest } from '../support/large-snapshot.ts';
import { beginCall, framed, openSession } from '../support/raw-calls.ts';
import { startTestServer, type TestServer } from '../support/running-server.ts';

const [{ request } = { request: new Uint8Array() }] = captures;

const startLimited = (limits: Readonly<Record<string, unknown>>, state?: object) =>
  startTestServer(state, { grpc: { address: '127.0.0.1:0', limits } });

async function metric(server: TestServer, name: string): Promise<number> {
  const { text } = await server.get('/metrics');
  const line = text.split('\n').find((one) => one.startsWith(`${name} `));
  return Number(line?.split(' ').at(-1));
}

const refusedCalls = (reason: string) => `offramp_calls_refused_total{reason="${reason}"}`;
const waiting = 'offramp_calls_waiting';

const anyPeer = expect.stringMatching(/^127\.0\.0\.1:\d+$/);

/** What the log says of calls that were refused: why, who called, and what. */
const refusals = ({ log }: TestServer) =>
  log
    .filter(({ msg }) => msg === 'call refused')
    .map(({ reason, peer, path }) => ({ reason, peer, path }));

/** All that a client sends which never makes a call: that it speaks HTTP/2, and no settings of its own. */
const settings = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
]);

function openSocket(server: TestServer): Socket {
  const socket = connect(Number(server.grpcAddress.split(':').at(-1)), '127.0.0.1');
  socket.on('error', () => undefined).resume();
  onTestFinished(() => void socket.destroy());
  return socket;
}

describe('calls at a time', () => {
  it('wait for their turn, are refused beyond the queue, and none is lost', async () => {
    const server = await startLimited({ concurrentCalls: 1, queuedCalls: 1 });
    const session = openSession(server.grpcAddress);
    const first = beginCall(session);
    await once(session, 'remoteSettings');
    const second = beginCall(session);
    second.stream.end(framed(request));
    await expect.poll(() => metric(server, waiting)).toBe(1);
    const third = beginCall(session);
    expect(await third.ended).toEqual({
      status: 8,
      message: 'queue-full: 1 calls run and 1 wait already',
    });
    expect(await metric(server, refusedCalls('queue-full'))).toBe(1);
    const peer = `127.0.0.1:${session.socket.localPort}`;
    const path = '/envoygateway.extension.EnvoyGatewayExtension/PostTranslateModify';
    expect(refusals(server)).toEqual([{ reason: 'queue-full', peer, path }]);
    first.stream.end(framed(request));
    expect((await first.ended).status).toBe(0);
    expect((await second.ended).status).toBe(0);
    expect(await metric(server, waiting)).toBe(0);
  });

  it('that are given up make room, whether they ran or waited', async () => {
    const server = await startLimited({ concurrentCalls: 1, queuedCalls: 2 });
    const session = openSession(server.grpcAddress);
    const running = beginCall(session);
    await once(session, 'remoteSettings');
    const givenUp = beginCall(session);
    const last = beginCall(session);
    last.stream.end(framed(request));
    await expect.poll(() => metric(server, waiting)).toBe(2);
    givenUp.cancel();
    await expect.poll(() => metric(server, waiting)).toBe(1);
    running.cancel();
    expect((await last.ended).status).toBe(0);
    expect((await server.call('PostTranslateModify', request)).length).toBeGreaterThan(0);
  });

  it('keep their place while they are being answered, though nobody waits for it', async () => {
    const begun: sendUnaryData<Buffer>[] = [];
    const hook = (_call: unknown, callback: sendUnaryData<Buffer>) => void begun.push(callback);
    const limits = { ...configSchema.parse({}).grpc.limits, concurrentCalls: 1 };
    const { server: metrics, registry } = new Metrics('offramp');
    const options = { limits, metrics, log: pino({ level: 'silent' }) };
    const server = await startGrpcServer('127.0.0.1:0', { PostTranslateModify: hook }, options);
    onTestFinished(() => server.stop(0));
    const session = openSession(server.address);
    const [first, second] = [beginCall(session), beginCall(session)];
    for (const { stream } of [first, second]) stream.end(framed(request));
    await expect.poll(() => begun.length).toBe(1);
    first.cancel();
    beginCall(session); // comes behind that, so when it waits, the first is known to be gone
    await expect.poll(() => registry.metrics()).toMatch(/^offramp_calls_waiting 2$/m);
    expect(begun).toHaveLength(1);
    begun[0]?.(null, Buffer.alloc(0));
    await expect.poll(() => begun.length).toBe(2);
    begun[1]?.(null, Buffer.alloc(0));
    expect((await second.ended).status).toBe(0);
  });

  it('make room when their connection is lost', async () => {
    const server = await startLimited({ concurrentCalls: 1, queuedCalls: 0 });
    const session = openSession(server.grpcAddress);
    beginCall(session);
    await once(session, 'remoteSettings');
    await sleep(100);
    session.destroy();
    await expect
      .poll(() => server.call('PostTranslateModify', request).then((answer) => answer.length > 0))
      .toBe(true);
  });
});

describe('slow and silent clients', () => {
  it('are told that a call took too long, whose bytes trickle in', async () => {
    const server = await startLimited({ transferTimeout: '1s' });
    const call = beginCall(openSession(server.grpcAddress));
    const message = framed(request);
    const trickle = (async () => {
      for (let at = 0; at < message.length && !call.stream.destroyed; at++) {
        call.stream.write(message.subarray(at, at + 1));
        await sleep(50);
      }
    })();
    expect(await call.ended).toEqual({
      status: 8,
      message: 'too-slow: the call took longer than 1 s',
    });
    await trickle;
    expect(await metric(server, refusedCalls('too-slow'))).toBe(1);
  });

  it('lose a call whose answer they do not take', async () => {
    const server = await startLimited({ transferTimeout: '1s' });
    const session = openSession(server.grpcAddress);
    const call = beginCall(session);
    call.stream.pause();
    call.stream.end(framed(largeRequest(2_000_000)));
    await sleep(1500);
    call.stream.resume();
    expect(await call.ended).toEqual({ status: -1, message: 'reset 8' });
    expect(await metric(server, refusedCalls('too-slow'))).toBe(1);
  });

  it('lose a connection on which they say nothing', async () => {
    const server = await startLimited({ handshakeTimeout: '300ms' });
    const kept = connectExtension(server.grpcAddress);
    onTestFinished(kept.close);
    await kept.call('PostTranslateModify', request);
    await once(openSocket(server), 'close');
    const refused = 'offramp_connections_refused_total{port="grpc",reason="handshake-timeout"}';
    expect(await metric(server, refused)).toBe(1);
    await kept.call('PostTranslateModify', request);
    expect(await metric(server, 'offramp_connections{port="grpc"}')).toBe(1);
  });

  it('may watch the health for as long as they like', async () => {
    const server = await startLimited({ transferTimeout: '1s' });
    const session = openSession(server.grpcAddress);
    const watch = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Watch',
      'content-type': 'application/grpc',
    });
    watch.resume().end(framed(new Uint8Array()));
    await sleep(1500);
    expect(watch.closed).toBe(false);
  });
});

describe('connections', () => {
  const refusedAs = (reason: string) =>
    `offramp_connections_refused_total{port="grpc",reason="${reason}"}`;

  it('beyond the limit are closed; those below it that have made a call go on', async () => {
    const server = await startLimited({ connections: 2 });
    const kept = connectExtension(server.grpcAddress);
    onTestFinished(kept.close);
    await kept.call('PostTranslateModify', request);
    const second = connectExtension(server.grpcAddress);
    onTestFinished(second.close);
    await second.call('PostTranslateModify', request);
    await expect.poll(() => metric(server, 'offramp_connections{port="grpc"}')).toBe(2);
    await once(openSocket(server), 'close');
    expect(await metric(server, refusedAs('too-many'))).toBe(1);
    expect(await metric(server, refusedAs('made-room'))).toBe(0);
    await kept.call('PostTranslateModify', request);
    second.close();
    await expect.poll(() => metric(server, 'offramp_connections{port="grpc"}')).toBe(1);
    expect((await server.call('PostTranslateModify', request)).length).toBeGreaterThan(0);
  });
});

describe('connections without a call', () => {
  it('make room for new ones when all places are taken, the one that waited longest first', async () => {
    const server = await startLimited({ connections: 3 });
    const kept = connectExtension(server.grpcAddress);
    onTestFinished(kept.close);
    await kept.call('PostTranslateModify', request);
    const idle: ClientHttp2Session[] = [];
    for (let index = 0; index < 2; index++) {
      const session = openSession(server.grpcAddress);
      await once(session, 'remoteSettings');
      idle.push(session);
    }
    const second = connectExtension(server.grpcAddress);
    onTestFinished(second.close);
    expect((await second.call('PostTranslateModify', request)).length).toBeGreaterThan(0);
    expect(idle.map(({ destroyed }) => destroyed)).toEqual([true, false]);
    for (const { call } of [kept, second]) await call('PostTranslateModify', request);
    const refused = 'offramp_connections_refused_total{port="grpc",reason="made-room"}';
    expect(await metric(server, refused)).toBe(1);
    expect(await metric(server, 'offramp_connections{port="grpc"}')).toBe(3);
    expect(server.log).toContainEqual(
      expect.objectContaining({ reason: 'made-room', peer: expect.stringMatching(/^127/) }),
    );
  });

  it('do not keep all places, though they send settings and read nothing', async () => {
    const server = await startLimited({ connections: 8 });
    for (let index = 0; index < 50; index++) {
      const socket = openSocket(server);
      socket.pause();
      socket.write(settings);
      await once(socket, 'connect');
    }
    expect((await server.call('PostTranslateModify', request)).length).toBeGreaterThan(0);
    await expect.poll(() => metric(server, 'offramp_connections{port="grpc"}')).toBeLessThan(9);
  });
});

describe('messages', () => {
  const messageBytes = 64 * 1024;
  const large = largeRequest(messageBytes + 1);

  it('above the limit are refused, whether they say so or unfold to it', async () => {
    const server = await startLimited({ messageBytes });
    const plain = server.call('PostTranslateModify', large);
    await expect(plain).rejects.toMatchObject({ code: 8 });
    const session = openSession(server.grpcAddress);
    const call = beginCall(session, { 'grpc-encoding': 'gzip' });
    const packed = framed(gzipSync(Buffer.alloc(50_000_000)));
    packed.writeUInt8(1, 0);
    expect(packed.length).toBeLessThan(messageBytes);
    call.stream.end(packed);
    expect((await call.ended).status).toBe(8);
    await expect.poll(() => metric(server, refusedCalls('too-large'))).toBe(2);
    expect(refusals(server)[0]).toEqual({ reason: 'too-large', peer: anyPeer });
    expect((await server.call('PostTranslateModify', request)).length).toBeGreaterThan(0);
  });
});

describe('the budget of a call', () => {
  it('ends one that takes longer with UNAVAILABLE, and leaves the next one all of it', async () => {
    const state = {
      connectors: [{ name: 'a', online: false, routes: [{ kind: 'HTTPRoute', name: 'berlin' }] }],
    };
    const server = await startLimited({ callBudget: '10ms' }, state);
    const call = server.call('PostTranslateModify', largeRequest(40_000_000));
    // An answer of that size would be printed, which takes minutes.
    await expect(call.then(({ length }) => length)).rejects.toMatchObject({
      code: 14,
      details: expect.stringMatching(/^budget-exceeded: .* more than 10 ms of computing/),
    });
    expect(await metric(server, 'offramp_hook_calls_total{outcome="timeout"}')).toBe(1);
    expect(await metric(server, 'offramp_hook_panics_total')).toBe(0);
    expect(await server.call('PostTranslateModify', new Uint8Array())).toHaveLength(0);
  });
});

describe('a server that is asked to stop', () => {
  it('refuses calls that wait, and finishes the one that runs', async () => {
    const server = await startLimited({ concurrentCalls: 1 });
    const session = openSession(server.grpcAddress);
    const running = beginCall(session);
    await once(session, 'remoteSettings');
    const queued = beginCall(session);
    await expect.poll(() => metric(server, waiting)).toBe(1);
    const stopped = server.stop();
    expect(await queued.ended).toMatchObject({
      status: 14,
      message: expect.stringMatching(/^stopping: /),
    });
    queued.cancel();
    running.stream.end(framed(request));
    expect((await running.ended).status).toBe(0);
    await stopped;
  });

  it('refuses a call whose request does not arrive in the time that is left', async () => {
    const { limits } = configSchema.parse({}).grpc;
    const metrics = new Metrics('offramp');
    const log = pino({ level: 'silent' });
    const options = { limits, metrics: metrics.server, log };
    const server = await startGrpcServer('127.0.0.1:0', {}, options);
    const session = openSession(server.address);
    const call = beginCall(session);
    await once(session, 'remoteSettings');
    await sleep(100);
    const started = performance.now();
    const stopped = server.stop(300);
    expect(await call.ended).toMatchObject({
      status: 14,
      message: expect.stringMatching(/^stopping: /),
    });
    await stopped;
    expect(performance.now() - started).toBeLessThan(3000);
  });
});
