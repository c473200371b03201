import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { summarize } from '../../src/observe/summary.ts';
import type { Change, Report, Skip } from '../../src/rewrites/report.ts';
import type { CallHistory } from '../../src/server/hook.ts';
import { countLines } from '../../src/status/kept-snapshot.ts';
import { SnapshotLog, snapshotLimits } from '../../src/status/snapshot-log.ts';
import { readSnapshot } from '../../src/xds/snapshot.ts';
import { makeFleet } from '../support/fleet.ts';
import { encodeRequest } from '../support/xds.ts';

const unexpected = (problem: string) => {
  throw new Error(problem);
};

function reportOf(changes: number, skips: number): Report {
  const place = { kind: 'routes', resource: 'listener' } as const;
  const change: Change = {
    ...{ rewrite: 'offline-connectors', effect: 'route-answered', connectors: ['berlin'] },
    ...{ place: { ...place, virtualHost: 'host', route: 'route' }, detail: 'was a, is b' },
  };
  const skip: Skip = {
    ...{ rewrite: 'offline-connectors', reason: 'merged-cluster', place, detail: 'several' },
  };
  return {
    changes: Array.from({ length: changes }, () => change),
    skips: Array.from({ length: skips }, () => skip),
    offlineClusters: [],
  };
}

/** A call as the hook tells of it, of a snapshot with the Gateways of a fleet. */
function callOf(report: Report, gateways = 0): Parameters<CallHistory['answered']>[0] {
  const request = encodeRequest(makeFleet(gateways).snapshot);
  const snapshot = readSnapshot(request);
  const summary = summarize(snapshot, report);
  const call = { caller: '127.0.0.1:4242', seconds: 0.001, bytes: request.length };
  return { ...call, response: Buffer.from(request), snapshot, report, summary };
}

function logOf(
  calls: readonly Parameters<CallHistory['answered']>[0][],
  limits = snapshotLimits,
): SnapshotLog {
  const log = new SnapshotLog(unexpected, limits);
  for (const call of calls) log.answered(call);
  return log;
}

describe('what is remembered of snapshots', () => {
  it('has the newest first, with the Gateways that are in them', () => {
    const log = logOf([callOf(reportOf(0, 0), 1), callOf(reportOf(2, 1), 2)]);
    expect(log.recent().map(({ id, gateways }) => [id, gateways])).toEqual([
      [2, ['tenants/site-0', 'tenants/site-1']],
      [1, ['tenants/site-0']],
    ]);
    expect(log.find(2)).toMatchObject({
      outcome: 'answered',
      effects: { 'route-answered': 2 },
      reasons: { 'merged-cluster': 1 },
    });
  });

  it('keeps the last ones, and the last one of each Gateway, and no more', () => {
    const one = callOf(reportOf(1, 0), 1);
    const others = Array.from({ length: 30 }, () => callOf(reportOf(1, 0)));
    const log = logOf([one, ...others]);
    expect(log.calls).toBe(31);
    expect(log.recent()).toHaveLength(snapshotLimits.recent);
    expect(log.gateways().map(({ gateway, snapshot }) => [gateway, snapshot.id])).toEqual([
      ['tenants/site-0', 1],
    ]);
    expect(log.find(2)).toBeUndefined();
  });

  it('keeps the Gateways that were translated last, and says that it had more', () => {
    const log = logOf([callOf(reportOf(0, 0), 8)], { recent: 2, gateways: 8, lines: 10 });
    expect(log.hasForgottenGateways).toBe(false);
    log.answered(callOf(reportOf(0, 0), 11));
    expect(log.hasForgottenGateways).toBe(true);
    expect(log.gateways()).toHaveLength(8);
    // One more than is kept is enough to know it: no walk over a large fleet for the rest.
    expect(log.find(2)?.gateways).toHaveLength(9);
  });

  it('cuts a long report, and counts what it left out', () => {
    const log = logOf([callOf(reportOf(10_000, 700))]);
    const [kept] = log.recent();
    expect(kept).toMatchObject({
      effects: { 'route-answered': 10_000 },
      reasons: { 'merged-cluster': 700 },
      leftOut: { changes: 9_500, skips: 200 },
    });
    expect(kept && countLines(kept)).toBe(1_000);
  });

  it('drops the lines of the oldest reports when all of them together are too many', () => {
    const calls = Array.from({ length: 5 }, () => callOf(reportOf(40, 10)));
    const log = logOf(calls, { recent: 5, gateways: 5, lines: 120 });
    const lines = log.recent().map((kept) => [countLines(kept), kept.leftOut]);
    const none = { changes: 0, skips: 0 };
    const all = { changes: 40, skips: 10 };
    expect(lines).toEqual([
      [50, none],
      [50, none],
      [0, all],
      [0, all],
      [0, all],
    ]);
    expect(log.recent().at(-1)?.effects).toEqual({ 'route-answered': 40 });
  });

  it('cuts long texts', () => {
    const report = reportOf(1, 0);
    const [change] = report.changes;
    if (change === undefined) throw new Error('no change');
    const detail = 'x'.repeat(100_000);
    const log = logOf([callOf({ ...report, changes: [{ ...change, detail }] })]);
    expect(log.recent()[0]?.places[0]?.changes[0]?.detail).toBe(`${'x'.repeat(300)}…`);
  });

  it('looks at a snapshot only when its answer has left, or when somebody asks', () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const call = callOf(reportOf(1, 0), 1);
    let looks = 0;
    const snapshot = {
      ...call.snapshot,
      get resources() {
        looks++;
        return call.snapshot.resources;
      },
    };
    const log = logOf([{ ...call, snapshot }]);
    expect(looks).toBe(0);
    vi.advanceTimersByTime(100);
    expect(looks).toBe(1);
    log.answered({ ...call, snapshot });
    expect(log.recent()).toHaveLength(2);
    expect(looks).toBe(2);
    vi.advanceTimersByTime(1_000);
    expect(looks).toBe(2);
    for (let call = 0; call < 3; call++) log.answered({ ...callOf(reportOf(1, 0), 1), snapshot });
    vi.advanceTimersToNextTimer(); // one in each turn of the event loop
    expect(looks).toBe(3);
    vi.advanceTimersToNextTimer();
    expect(looks).toBe(4);
    vi.runAllTimers();
    expect(looks).toBe(5);
  });
});
