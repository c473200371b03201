import { createServer } from 'node:net';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { wantedExporters } from '../../src/observe/tracing.ts';
import { listenOnLoopback } from '../e2e/support/listen.ts';
import { type OfframpProcess, startOfframpProcess } from '../e2e/support/offramp.ts';
import { waitFor } from '../e2e/support/wait-for.ts';
import { captures } from '../support/captures.ts';
import { connectExtension } from '../support/extension-connection.ts';
import {
  type OtlpReceiver,
  type ReceivedSpan,
  receiveOverGrpc,
  receiveOverHttp,
} from '../support/otlp-receiver.ts';

const [capture] = captures;
const request = capture?.request ?? new Uint8Array();
const traceId = '0af7651916cd43dd8448eb211c80319c';
const callersSpan = 'b7ad6b7169203331';
const name = 'envoygateway.extension.EnvoyGatewayExtension/PostTranslateModify';

type Variables = Readonly<Record<string, string>>;

afterEach(() => {
  vi.unstubAllEnvs();
});

/** The built server, with these variables of OpenTelemetry. */
async function serveWith(variables: Variables): Promise<OfframpProcess> {
  for (const [key, value] of Object.entries(variables)) vi.stubEnv(key, value);
  const offramp = await startOfframpProcess({});
  onTestFinished(() => offramp.stop());
  return offramp;
}

async function receive(start: () => Promise<OtlpReceiver>): Promise<OtlpReceiver> {
  const receiver = await start();
  onTestFinished(() => receiver.stop());
  return receiver;
}

function callHook(
  { port }: OfframpProcess,
  headers: Variables = {},
  bytes = request,
): Promise<Buffer> {
  const connection = connectExtension(`127.0.0.1:${port}`);
  return connection.call('PostTranslateModify', bytes, headers).finally(connection.close);
}

function toCaller(flags = '01'): Variables {
  return { traceparent: `00-${traceId}-${callersSpan}-${flags}` };
}

/** By name; the call's own span and its parts. */
function byName(spans: readonly ReceivedSpan[], wanted: string): ReceivedSpan {
  const found = spans.find((span) => span.name === wanted);
  if (found === undefined) throw new Error(`no span ${wanted}`);
  return found;
}

describe('the trace of a hook call', () => {
  it.each([
    ['http/protobuf', receiveOverHttp],
    ['http/json', receiveOverHttp],
    ['grpc', receiveOverGrpc],
  ])('has a span for each part, below the span of the caller: over %s', async (protocol, start) => {
    const receiver = await receive(start);
    const offramp = await serveWith({
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${receiver.port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
    });
    await callHook(offramp, toCaller());
    await offramp.stop();
    const { spans } = receiver;
    expect(new Set(spans.map((span) => span.traceId))).toEqual(new Set([traceId]));
    const call = byName(spans, name);
    expect(call.parentSpanId).toBe(callersSpan);
    expect(call.kind).toBe(2);
    expect(call.attributes).toMatchObject({
      'rpc.system': 'grpc',
      'offramp.outcome': 'ok',
      'offramp.snapshot_bytes': request.length,
      'offramp.mode': 'apply',
    });
    expect(call.attributes['offramp.route_configs']).toBeGreaterThan(0);
    const parts = ['state', 'read', 'rewrite', 'encode'].map((part) => byName(spans, part));
    for (const part of parts) {
      expect(part.parentSpanId).toBe(call.spanId);
      expect(part.startTimeUnixNano).toBeGreaterThanOrEqual(call.startTimeUnixNano);
      expect(part.endTimeUnixNano).toBeLessThanOrEqual(call.endTimeUnixNano);
    }
  });

  it('is a new one when the caller names none, and the log line has its id', async () => {
    const receiver = await receive(receiveOverHttp);
    const offramp = await serveWith({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `http://127.0.0.1:${receiver.port}/v1/traces`,
    });
    await callHook(offramp);
    await offramp.stop();
    const call = byName(receiver.spans, name);
    expect(call.parentSpanId).toBe('');
    const line = offramp.log().find(({ msg }) => msg === 'PostTranslateModify');
    expect(line).toMatchObject({ trace_id: call.traceId });
  });

  it('says what was wrong with a call that failed', async () => {
    const receiver = await receive(receiveOverHttp);
    const offramp = await serveWith({
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${receiver.port}`,
    });
    await expect(callHook(offramp, {}, Uint8Array.of(0x12, 0x7f))).rejects.toThrow();
    await offramp.stop();
    expect(byName(receiver.spans, name)).toMatchObject({
      attributes: { 'offramp.outcome': 'invalid' },
      status: { code: 2, message: expect.stringContaining('at byte') },
    });
    expect(byName(receiver.spans, 'read').status.code).toBe(2);
  });

  it('follows the other standard variables: service, attributes, sampler', async () => {
    const receiver = await receive(receiveOverHttp);
    const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${receiver.port}` };
    const plain = await serveWith(endpoint);
    await callHook(plain);
    await callHook(plain, toCaller('00')); // the caller does not want it
    await plain.stop();
    const named = await serveWith({
      OTEL_SERVICE_NAME: 'edge-offramp',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=test',
    });
    await callHook(named);
    await named.stop();
    const silent = await serveWith({ OTEL_TRACES_SAMPLER: 'always_off' });
    await callHook(silent);
    await silent.stop();
    const calls = receiver.spans.filter((span) => span.name === name);
    expect(calls.map(({ resource }) => resource['service.name'])).toEqual([
      'offramp',
      'edge-offramp',
    ]);
    expect(calls[1]?.resource).toMatchObject({ 'deployment.environment': 'test' });
  });
});

describe('a collector that is not there', () => {
  it('keeps no hook call from its answer, and no process from its end', async () => {
    const silent = createServer(); // takes connections and never answers
    const { port, stop } = await listenOnLoopback(silent);
    onTestFinished(stop);
    const offramp = await serveWith({ OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` });
    const answer = await callHook(offramp);
    expect(answer.length).toBeGreaterThan(0);
    const started = performance.now();
    process.kill(offramp.pid, 'SIGTERM');
    const said = (text: string) => () => offramp.log().some(({ msg }) => msg === text);
    await waitFor('the end', said('stopped'), { timeoutMs: 9_000 });
    expect(said('the last traces could not be sent')()).toBe(true);
    await waitFor('no process', () => !isThere(offramp.pid), { timeoutMs: 9_000 });
    expect(performance.now() - started).toBeLessThan(7_500);
  });

  it('is reported in the log', async () => {
    const gone = await listenOnLoopback(createServer());
    await gone.stop();
    const offramp = await serveWith({
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${gone.port}`,
      OTEL_EXPORTER_OTLP_TIMEOUT: '500',
      OTEL_BSP_SCHEDULE_DELAY: '50',
    });
    await callHook(offramp);
    await waitFor(
      'a word about it',
      () => offramp.log().some(({ msg, level }) => msg === 'OpenTelemetry' && level === 40),
      { timeoutMs: 10_000 },
    );
  });
});

describe('without being asked', () => {
  it.each<[Variables, readonly string[]]>([
    [{}, []],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: '' }, []],
    [{ OTEL_SERVICE_NAME: 'offramp' }, []],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318' }, ['otlp']],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://c:4318/v1/traces' }, ['otlp']],
    [{ OTEL_TRACES_EXPORTER: 'otlp' }, ['otlp']],
    [{ OTEL_TRACES_EXPORTER: 'console, otlp' }, ['otlp', 'console']],
    [{ OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318' }, []],
    [{ OTEL_SDK_DISABLED: 'true', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318' }, []],
    [{ OTEL_TRACES_EXPORTER: 'zipkin' }, []],
  ])('nothing is traced, and else what was asked for: %j', (variables, exporters) => {
    expect(wantedExporters(variables).exporters).toEqual(exporters);
  });

  it('says which exporter is none', () => {
    expect(wantedExporters({ OTEL_TRACES_EXPORTER: 'otlp,zipkin' }).unknown).toEqual(['zipkin']);
  });
});

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
