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

/** Wakes a backendRef under a load that goes on, and goes on for two seconds after `hasShare`. */
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
    for (const [who, n] of window) between.set(who, (between.get(who) ?? 0) + n);
    return hasShare(window);
  };
  await waitFor('its share', isShared, { timeoutMs: 10_000, intervalMs: 0 });
  const sharedMs = passed();
  await sleep(2_000);
  return { acceptedMs, until, sharedMs, between, since: load.answers() };
}

/** `accepted after 31 ms (58 good, 7 503), shared after 90 ms (…), then 99.0 % woken, 1.0 % good of 9000` */
export function describeWake({ acceptedMs, until, sharedMs, between, since }: Wake): string {
  const total = [...since.values()].reduce((sum, n) => sum + n, 0);
  return (
    `accepted after ${acceptedMs} ms (${listOf(until)}), shared after ${sharedMs} ms ` +
    `(${listOf(between)}), then ${describeShares(sharesOf(since))} of ${total}`
  );
}

function listOf(answers: ReadonlyMap<string, number>): string {
  return [...answers].map(([who, n]) => `${n} ${who}`).join(', ');
}
