import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { makeFleet } from '../../bench/hook/fleet.ts';
import { configSchema } from '../../src/config/schema.ts';
import { Metrics } from '../../src/observe/metrics.ts';
import type { CallWatch } from '../../src/retrigger/call-watch.ts';
import { answerSnapshot } from '../../src/server/answer-snapshot.ts';
import { Hook } from '../../src/server/hook.ts';
import { lookUpStated } from '../../src/state/backend-refs.ts';
import { ConnectorView } from '../../src/state/connectors.ts';
import { bytesOf } from '../../src/xds/snapshot.ts';
import { logSink } from '../support/running-server.ts';

const settings = configSchema.parse({});
const stateOf = ({ connectors }: ReturnType<typeof makeFleet>) => ({
  connectors: new ConnectorView(connectors),
  backendRefs: lookUpStated([]),
});

/** What else the event loop does at each turn, and what a call may compute. */
interface Meanwhile {
  readonly others?: () => void;
  readonly callBudget?: number;
}

/** Answers a fleet, counts the event loop's turns meanwhile, and notes what the watch is told. */
async function answer(gateways: number, { others, ...budget }: Meanwhile = {}) {
  const { request } = makeFleet(gateways);
  const told: string[] = [];
  const watchCall = (): CallWatch => {
    told.push('started');
    return { answered: () => told.push('answered'), end: () => told.push('ended') };
  };
  const state = stateOf(makeFleet(gateways));
  const currentState = () => {
    told.push('state read');
    return state;
  };
  const metrics = new Metrics('offramp');
  const log = pino(logSink([]));
  const options = { mode: 'apply', settings, currentState, watchCall, metrics, log } as const;
  const hook = new Hook({ ...options, ...budget });
  let turns = 0;
  let counting = setImmediate(function count() {
    turns++;
    others?.();
    counting = setImmediate(count);
  });
  try {
    return {
      turns: () => turns,
      told,
      bytes: bytesOf(await hook.postTranslateModify(request, '')),
    };
  } finally {
    clearImmediate(counting);
  }
}

describe('a large snapshot', () => {
  it('lets the event loop do other work between its rewrites', async () => {
    const { turns } = await answer(120);
    expect(turns()).toBeGreaterThanOrEqual(6);
  });

  it('is answered as it would be in one stretch', async () => {
    const gateways = 700; // several megabytes of each kind, so that it pauses between resources too
    const fleet = makeFleet(gateways);
    const { bytes, turns } = await answer(gateways);
    expect(turns()).toBeGreaterThan((await answer(120)).turns());
    const options = { mode: 'apply', settings } as const;
    const { response } = answerSnapshot(fleet.request, options, stateOf(fleet));
    expect(Buffer.compare(bytes, bytesOf(response))).toBe(0);
  });

  it('has all of its budget, whatever others do between its steps', async () => {
    const callBudget = 1_000;
    const others = () => {
      const end = performance.now() + callBudget / 4;
      while (performance.now() < end);
    };
    const { turns } = await answer(120, { others, callBudget });
    expect(turns()).toBeGreaterThan(4);
  });

  it('is watched from before the state is read until it is answered', async () => {
    expect((await answer(120)).told).toEqual(['started', 'state read', 'answered', 'ended']);
  });

  it('is not watched any more when it cannot be answered', async () => {
    const told: string[] = [];
    const watchCall = (): CallWatch => ({ answered: () => {}, end: () => told.push('ended') });
    const state = stateOf(makeFleet(1));
    const parts = { metrics: new Metrics('offramp'), log: pino(logSink([])) };
    const currentState = () => state;
    const hook = new Hook({ mode: 'apply', settings, currentState, watchCall, ...parts });
    await expect(hook.postTranslateModify(Buffer.from([0x0a]), '')).rejects.toThrow('cut off');
    expect(told).toEqual(['ended']);
  });
});

it('decides a small snapshot in one stretch', async () => {
  const { turns } = await answer(10);
  expect(turns()).toBeLessThanOrEqual(1);
});
