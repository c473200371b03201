import type { LongestWaits } from './beside-calls.ts';
import type { ColdStart } from './cold-start.ts';
import type { Transport } from './measure.ts';
import type { MemoryRun } from './memory-run.ts';
import { alignColumns, median, type Row } from './table.ts';

/** What one run measured beside the times of calls. */
export interface BesideTimes {
  readonly coldStarts: readonly ColdStart[];
  readonly waits: readonly LongestWaits[];
  readonly memory: readonly MemoryRun[];
}

/** What is wanted of Offramp, and what a run says of it. No test depends on it. */
export interface Target {
  readonly target: string;
  readonly measured: string;
  /** Undefined where the run did not measure it. */
  readonly met: boolean | undefined;
}

const [small, large] = [1_000, 10_000];
const transports: readonly Transport[] = ['tcp', 'unix'];

interface Value {
  readonly of: string;
  readonly value: number;
}

/** Every target, met or not. */
export function judgeTargets(rows: readonly Row[], beside: BesideTimes): Target[] {
  const find = (contender: string, gateways: number, transport: Transport) =>
    rows.find(
      (row) =>
        row.contender === contender && row.gateways === gateways && row.transport === transport,
    );
  /** Something of a contender's row and Offramp's, for each transport and these sizes. */
  const ofEach = (
    contender: string,
    sizes: readonly number[],
    say: (one: Row, us: Row) => number,
  ) =>
    sizes.flatMap((size) =>
      transports.flatMap((transport): Value[] => {
        const one = find(contender, size, transport);
        const us = find('offramp', size, transport);
        if (one === undefined || us === undefined) return [];
        return [{ of: `${size} ${transport}`, value: say(one, us) }];
      }),
    );
  const both = [small, large];
  const growth = transports.flatMap((transport): Value[] => {
    const [from, to] = both.map((size) => find('offramp', size, transport)?.median);
    return from === undefined || to === undefined ? [] : [{ of: transport, value: to / from }];
  });
  const peaks = ofEach('grpc-js echo', [large], (echo, us) =>
    ratio(us.peakMegabytes, echo.peakMegabytes),
  );
  const waitsOf = (question: string, gateways: number) =>
    beside.waits
      .filter((one) => one.question === question && one.gateways === gateways)
      .map(({ milliseconds }) => ({ of: question, value: median(milliseconds) }));
  const cold = beside.coldStarts.map(({ contender, milliseconds }) => ({
    of: contender,
    value: median(milliseconds),
  }));
  const ours = cold.filter(({ of }) => of.startsWith('offramp'));
  const kept = beside.memory.map(({ gateways, first, last }) => ({
    of: `${gateways}`,
    value: ratio(last, first),
  }));
  return [
    atMost(
      1.3,
      'Offramp / grpc-js echo',
      ofEach('grpc-js echo', both, (one) => 1 / one.toOfframp),
    ),
    atMost(
      2,
      'Offramp / Go echo',
      ofEach('Go echo', both, (one) => 1 / one.toOfframp),
    ),
    atLeast(
      6,
      'Go peer / Offramp',
      ofEach('Go peer', both, (one) => one.toOfframp),
    ),
    atLeast(
      10,
      'proto-loader / Offramp',
      ofEach('proto-loader decode and encode', both, (one) => one.toOfframp),
    ),
    atMost(11, 'growth from 1,000 to 10,000, times', growth),
    atMost(1.3, 'peak memory / grpc-js echo, 10,000', peaks),
    atMost(1.1, 'memory, last 50 calls / first 50', kept),
    atMost(20, 'event loop blocked, 1,000, ms', waitsOf('/healthz', small)),
    atMost(250, '/metrics and health while 10,000, ms', [
      ...waitsOf('/metrics', large),
      ...waitsOf('gRPC health', large),
    ]),
    { ...atMost(300, 'cold start, ms', ours), measured: format(cold) },
    atMost(
      1.3,
      'all rewrites / connectors only',
      ofEach('offramp, connectors only', both, (one) => 1 / one.toOfframp),
    ),
  ];
}

/** The targets for people. */
export function formatTargets(targets: readonly Target[]): string {
  const rows = targets.map(({ target, measured, met }) => [target, measured, answerOf(met)]);
  return alignColumns([['target', 'measured', 'met'], ...rows]);
}

/** Whether a target is met, in a word. */
export function answerOf(met: boolean | undefined): string {
  if (met === undefined) return 'not measured';
  return met ? 'yes' : 'no';
}

function atMost(limit: number, what: string, values: readonly Value[]): Target {
  return judge(`${what}: at most ${limit}`, values, (value) => value <= limit);
}

function atLeast(limit: number, what: string, values: readonly Value[]): Target {
  return judge(`${what}: at least ${limit}`, values, (value) => value >= limit);
}

function judge(
  target: string,
  values: readonly Value[],
  isMet: (value: number) => boolean,
): Target {
  const known = values.filter(({ value }) => Number.isFinite(value));
  const met = known.length === 0 ? undefined : known.every(({ value }) => isMet(value));
  return { target, measured: format(known), met };
}

function format(values: readonly Value[]): string {
  return values.map(({ of, value }) => `${of}: ${digits(value)}`).join(', ');
}

const digits = (value: number): string => value.toFixed(value < 100 ? 2 : 0);

function ratio(one: number | undefined, other: number | undefined): number {
  return one === undefined || other === undefined ? Number.NaN : one / other;
}
