import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { drawChart } from '../../bench/hook/chart.ts';
import { makeFleet } from '../../bench/hook/fleet.ts';
import { findDifferenceOfAnswers, findWrong } from '../../bench/hook/right-answers.ts';
import { nodeSettings } from '../../bench/hook/settings.ts';
import { alignColumns, median, rowsOf } from '../../bench/hook/table.ts';
import { judgeTargets } from '../../bench/hook/targets.ts';
import { configSchema } from '../../src/config/schema.ts';
import { answerSnapshot } from '../../src/server/answer-snapshot.ts';
import { lookUpStated } from '../../src/state/backend-refs.ts';
import { ConnectorView } from '../../src/state/connectors.ts';
import { bytesOf } from '../../src/xds/snapshot.ts';

const fleet = makeFleet(40);

function answerWith(mode: 'Keep' | 'Rebalance', connectors = fleet.connectors): Buffer {
  const settings = configSchema.parse({ emptyBackends: { mode } });
  const state = { connectors: new ConnectorView(connectors), backendRefs: lookUpStated([]) };
  return Buffer.from(
    bytesOf(answerSnapshot(fleet.request, { mode: 'apply', settings }, state).response),
  );
}

it('starts what it measures as the image does', () => {
  const dockerfile = readFileSync('Dockerfile', 'utf8');
  const { flags, environment } = nodeSettings;
  for (const [name, value] of Object.entries(environment)) {
    expect(dockerfile).toContain(`${name}=${value}`);
  }
  const entrypoint = ['/nodejs/bin/node', ...flags, '/app/dist/main.js'].map((one) => `"${one}"`);
  expect(dockerfile).toContain(`ENTRYPOINT [${entrypoint.join(', ')}]`);
});

describe('the fleet of the benchmark', () => {
  it('weighs 7.4 MB per 1,000 Gateways', () => {
    expect(makeFleet(200).request.length / 200).toBeCloseTo(7_400, -2);
  });

  it('has one offline and two online connectors in ten, and an empty canary in twenty', () => {
    const offline = fleet.connectors.filter(({ connector }) => !connector.online);
    expect([offline.length, fleet.connectors.length, fleet.emptyCanaries]).toEqual([4, 12, 2]);
  });
});

describe('the check of answers', () => {
  it('accepts what Offramp makes of the fleet', () => {
    expect(findWrong(answerWith('Keep'), 'connectors', fleet)).toBeUndefined();
    expect(findWrong(answerWith('Rebalance'), 'all rewrites', fleet)).toBeUndefined();
    expect(findWrong(fleet.request, 'the request', fleet)).toBeUndefined();
  });

  it('refuses an answer in which a connector was forgotten', () => {
    const forgetful = answerWith('Keep', fleet.connectors.slice(1));
    expect(findWrong(forgetful, 'connectors', fleet)).toMatch(
      /Tunnel not online.*12 times, not 16/,
    );
    expect(findDifferenceOfAnswers(forgetful, answerWith('Keep'))).toMatch(/differs$/);
  });

  it('refuses an answer in which an empty canary stayed', () => {
    expect(findWrong(answerWith('Keep'), 'all rewrites', fleet)).toMatch(/rule\/1\/backend\/1/);
  });

  it('refuses an echo of other bytes', () => {
    const other = Buffer.from(fleet.request);
    other[other.length - 1] = 0;
    expect(findWrong(other, 'the request', fleet)).toBe('other bytes than the request');
  });
});

describe('the table of the benchmark', () => {
  const of = (contender: string, milliseconds: number[]) => ({
    contender,
    gateways: 100,
    transport: 'tcp' as const,
    requestBytes: 1,
    milliseconds,
    peakMemory: 2e6,
  });

  it('sets each contender against Offramp round by round', () => {
    const rows = rowsOf([of('offramp', [1, 10, 100]), of('grpc-js echo', [3, 20, 100])]);
    expect(rows.map(({ toOfframp }) => toOfframp)).toEqual([1, 2]);
    expect(rows.map(({ peakMegabytes }) => peakMegabytes)).toEqual([2, 2]);
  });

  it('takes the middle of an odd and the mean of the two middles of an even number', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([9, 1, 5, 2])).toBe(3.5);
  });

  it('puts columns under each other', () => {
    expect(
      alignColumns([
        ['name', 'ms'],
        ['a', '1.5'],
      ]),
    ).toBe('name  ms\na     1.5');
  });

  it('draws a bar for each contender, none longer than the chart is wide', () => {
    const chart = drawChart(rowsOf([of('offramp', [1]), of('Go peer', [1_000])]));
    const widths = [...chart.matchAll(/<rect x="330".* width="([\d.]+)"/g)].map(([, width]) =>
      Number(width),
    );
    expect(widths).toHaveLength(2);
    expect(Math.max(...widths)).toBeLessThanOrEqual(560);
    expect(Math.min(...widths)).toBeGreaterThan(0);
  });
});

describe('the targets of the benchmark', () => {
  const of = (contender: string, gateways: number, toOfframp: number) => ({
    contender,
    gateways,
    transport: 'tcp' as const,
    median: gateways * toOfframp,
    toOfframp,
    peakMegabytes: 100 * toOfframp,
  });
  const offramp = [of('offramp', 1_000, 1), of('offramp', 10_000, 1)];
  const nothing = { coldStarts: [], waits: [], memory: [] };
  const judged = (found: readonly { target: string; met: boolean | undefined }[], start: string) =>
    found.find(({ target }) => target.startsWith(start))?.met;

  it('are met or missed by what was measured, at every size', () => {
    const echo = [of('grpc-js echo', 1_000, 0.8), of('grpc-js echo', 10_000, 0.8)];
    const fast = judgeTargets([...offramp, ...echo, of('Go echo', 1_000, 0.4)], nothing);
    expect(judged(fast, 'Offramp / grpc-js echo')).toBe(true);
    expect(judged(fast, 'Offramp / Go echo')).toBe(false);
    expect(judged(fast, 'peak memory')).toBe(true);
    expect(judged(fast, 'growth')).toBe(true);
    const slow = judgeTargets(
      [...offramp, ...echo.slice(1), of('grpc-js echo', 1_000, 0.5)],
      nothing,
    );
    expect(judged(slow, 'Offramp / grpc-js echo')).toBe(false);
  });

  it('judge starts, waits and memory by medians', () => {
    const found = judgeTargets([], {
      coldStarts: [
        { contender: 'offramp serve, state from a file', milliseconds: [200, 900, 250] },
      ],
      waits: [
        { question: '/healthz', gateways: 1_000, milliseconds: [10, 30, 40] },
        { question: '/metrics', gateways: 10_000, milliseconds: [100, 100, 900] },
      ],
      memory: [{ gateways: 10_000, calls: 200, first: 100, last: 120 }],
    });
    expect(judged(found, 'cold start')).toBe(true);
    expect(judged(found, 'event loop')).toBe(false);
    expect(judged(found, '/metrics')).toBe(true);
    expect(judged(found, 'memory, last')).toBe(false);
  });

  it('are neither met nor missed where nothing was measured', () => {
    expect(judgeTargets(offramp.slice(1), nothing).map(({ met }) => met)).toEqual(
      Array.from({ length: 11 }, () => undefined),
    );
  });
});
