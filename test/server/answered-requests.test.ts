import { pino } from 'pino';
import { expect, it, onTestFinished } from 'vitest';
import { configSchema } from '../../src/config/schema.ts';
import { Metrics } from '../../src/observe/metrics.ts';
import type { State } from '../../src/rewrites/pipeline.ts';
import { implementExtension } from '../../src/server/extension-service.ts';
import { startGrpcServer } from '../../src/server/grpc-server.ts';
import { Hook } from '../../src/server/hook.ts';
import { parseStateFile, stateOf } from '../../src/state/state-file.ts';
import { captures } from '../support/captures.ts';
import { callExtension, logSink } from '../support/running-server.ts';

const [{ request } = { request: new Uint8Array() }] = captures;

/** The extension service alone, and the requests it told of. */
async function start(currentState: () => State) {
  const metrics = new Metrics('offramp');
  const log = pino(logSink([]));
  const settings = configSchema.parse({});
  const hook = new Hook({ mode: 'apply', settings, currentState, metrics, log });
  const told: Uint8Array[] = [];
  const service = implementExtension(hook, metrics, log, (one) => told.push(one));
  const server = await startGrpcServer('127.0.0.1:0', service, {
    limits: settings.grpc.limits,
    metrics: metrics.server,
    log,
  });
  onTestFinished(() => server.stop(1_000));
  const call = (rpc: string) => callExtension(server.address, rpc, request);
  return { told, call };
}

it('tells of a request that was rewritten as it came, byte for byte', async () => {
  const parsed = parseStateFile(
    'state.yaml',
    'connectors: [{name: berlin, online: false, routes: [{kind: HTTPRoute, name: berlin}]}]',
  );
  if (!parsed.ok) throw new Error('a broken state file');
  const { told, call } = await start(() => stateOf(parsed.value));
  const answer = await call('PostTranslateModify');
  expect(answer.includes('Tunnel not online')).toBe(true);
  expect(told.map((one) => Buffer.compare(one, request))).toEqual([0]);
});

it('tells of a request that was answered with an exception: there is most to learn from it', async () => {
  const { told, call } = await start(() => {
    throw new Error('a bug');
  });
  await expect(call('PostTranslateModify')).rejects.toMatchObject({ code: 14 });
  expect(told.map((one) => Buffer.compare(one, request))).toEqual([0]);
});

it('does not tell of the hooks that Offramp does not act on', async () => {
  const { told, call } = await start(() => stateOf({ connectors: [], backendRefs: [] }));
  await call('PostClusterModify');
  expect(told).toEqual([]);
});
