import { setTimeout as sleep } from 'node:timers/promises';
import { fetchText } from './envoy-admin.ts';
import { describeShares, type SteadyLoad, sharesOf } from './measure-shares.ts';
import { waitFor } from './wait-for.ts';

/** What to watch while a backendRef gets its first endpoint. */
export interface WakeOptions {
  /** Of Envoy's admin interface. */
  readonly admin: string;
  /** Port of the endpoint, which no other has. */
  readonly endpoint: number;
  readonly load: SteadyLoad;
  readonly wake: () => Promise<void>;
}

/** Answers by who gave them, and milliseconds since the object was changed. */
export interface Wake {
  /** Until Envoy's /clusters had the endpoint as healthy. */
  readonly acceptedMs: number;
  readonly until: ReadonlyMap<string, number>;
  /** Until the endpoint had its share. */
  readonly sharedMs: number;
  readonly between: ReadonlyMap<string, number>;
  readonly since: ReadonlyMap<string, number>;
}

/** Milliseconds that each of Envoy's threads gets to take the endpoint over for itself. */
const threadsMs = 50;

/** Requests after the change; more than a row of measured shares takes. */
const enough = 5_000;

/** Wakes a backendRef under a load that goes on, and goes on for 5,000 requests after `hasShare`. */
export async function watchWaking(
  { admin, endpoint, load, wake }: WakeOptions,
  hasShare: (answers: ReadonlyMap<string, number>) => boolean,
): Promise<Wake> {
  load.answers();
  const started = performance.now();
  const passed = () => Math.round(performance.now() - started);
  await wake();
  const isHealthy = new RegExp(`:${endpoint}::health_flags::healthy`);
  const accepted = async () => isHealthy.test(await fetchText(admin, '/clusters'));
  await waitFor('the endpoint in /clusters', accepted, { timeoutMs: 10_000, intervalMs: 1 });
  const acceptedMs = passed();
  await sleep(threadsMs);
  const until = load.answers();
  const between = new Map<string, number>();
  const isShared = async () => {
    await sleep(threadsMs);
    const window = load.answers();
    addTo(between, window);
    return hasShare(window);
  };
  await waitFor('its share', isShared, { timeoutMs: 10_000, intervalMs: 0 });
  const sharedMs = passed();
  const since = new Map<string, number>();
  const hasEnough = async () => {
    await sleep(500);
    addTo(since, load.answers());
    return totalOf(since) >= enough;
  };
  await waitFor('enough requests', hasEnough, { timeoutMs: 60_000, intervalMs: 0 });
  return { acceptedMs, until, sharedMs, between, since };
}

/** `accepted after 31 ms (58 good, 7 503), shared after 90 ms (…), then 99.0 % woken, 1.0 % good of 9000` */
export function describeWake({ acceptedMs, until, sharedMs, between, since }: Wake): string {
  return (
    `accepted after ${acceptedMs} ms (${listOf(until)}), shared after ${sharedMs} ms ` +
    `(${listOf(between)}), then ${describeShares(sharesOf(since))} of ${totalOf(since)}`
  );
}

function addTo(sum: Map<string, number>, answers: ReadonlyMap<string, number>): void {
  for (const [who, n] of answers) sum.set(who, (sum.get(who) ?? 0) + n);
}

function totalOf(answers: ReadonlyMap<string, number>): number {
  return [...answers.values()].reduce((sum, n) => sum + n, 0);
}

function listOf(answers: ReadonlyMap<string, number>): string {
  return [...answers].map(([who, n]) => `${n} ${who}`).join(', ');
}
