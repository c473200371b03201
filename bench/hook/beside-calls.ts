import { Agent, get } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, credentials } from '@grpc/grpc-js';
import type { HookClient } from './client.ts';
import type { RunningOfframp } from './offramp.ts';
import { asIs } from './raw-service.ts';

/** What else Offramp is asked while it answers hook calls. */
export const questions = ['/healthz', '/metrics', 'gRPC health'] as const;

/** How long one question waited for its answer at most, in milliseconds, once for each hook call. */
export interface LongestWaits {
  readonly question: (typeof questions)[number];
  readonly gateways: number;
  readonly milliseconds: readonly number[];
}

const pauseMs = 2;

/**
 * Asks again and again while a hook call runs. What waits longest for an answer that costs nothing,
 * /healthz, waits for the longest stretch in which the event loop did nothing else.
 */
export async function measureWaits(
  { grpcAddress, httpAddress }: RunningOfframp,
  client: HookClient,
  gateways: number,
  calls: number,
): Promise<LongestWaits[]> {
  const agent = new Agent({ keepAlive: true });
  const health = new Client(grpcAddress, credentials.createInsecure());
  const ask = {
    '/healthz': () => getText(`http://${httpAddress}/healthz`, agent),
    '/metrics': () => getText(`http://${httpAddress}/metrics`, agent),
    'gRPC health': () => checkHealth(health),
  };
  const waits: LongestWaits[] = [];
  for (const question of questions) {
    const milliseconds: number[] = [];
    await ask[question](); // connects, and loads what it needs
    for (let call = 0; call < calls; call++) {
      milliseconds.push(await longestDuring(client.call(grpcAddress), ask[question]));
    }
    waits.push({ question, gateways, milliseconds });
  }
  agent.destroy();
  health.close();
  return waits;
}

async function longestDuring(call: Promise<unknown>, ask: () => Promise<unknown>): Promise<number> {
  let isRunning = true;
  const ended = call.finally(() => {
    isRunning = false;
  });
  let longest = 0;
  while (isRunning) {
    const asked = performance.now();
    await ask();
    longest = Math.max(longest, performance.now() - asked);
    await sleep(pauseMs);
  }
  await ended;
  return longest;
}

function getText(url: string, agent: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, (response) => text(response).then(resolve, reject)).once('error', reject);
  });
}

function checkHealth(client: Client): Promise<void> {
  return new Promise((resolve, reject) => {
    const all = Buffer.alloc(0); // of the whole server
    client.makeUnaryRequest('/grpc.health.v1.Health/Check', asIs, asIs, all, (error) =>
      error === null ? resolve() : reject(error),
    );
  });
}
