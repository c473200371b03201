import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type DrillGateway,
  drillState,
  startDrillGateway,
} from './support/drills/drill-gateway.ts';
import { DrillLog } from './support/drills/drill-log.ts';
import {
  type ServiceForwarder,
  startServiceForwarder,
} from './support/drills/service-forwarder.ts';
import { type OfframpProcess, startOfframpProcess } from './support/offramp.ts';
import { waitFor } from './support/wait-for.ts';

/** Milliseconds for which a replica that was stopped answers nothing. */
const stopped = 30_000;

const rounds = 5;

let service: ServiceForwarder;
let gateway: DrillGateway;
let log: DrillLog;
let replicas: OfframpProcess[] = [];

beforeAll(async () => {
  service = await startServiceForwarder();
  await setReplicas(2);
  gateway = await startDrillGateway(service.port);
  log = new DrillLog(gateway.traffic);
});

afterAll(async () => {
  await gateway?.stop();
  await setReplicas(0);
  await service?.stop();
  log?.print();
});

async function setReplicas(count: number): Promise<void> {
  for (const replica of replicas.splice(count)) await replica.stop();
  while (replicas.length < count) replicas.push(await startOfframpProcess(drillState));
  service.setEndpoints(replicas.map(({ port }) => port));
}

/** The replica that Envoy Gateway calls; it takes a moment to find another one. */
function calledReplica(): Promise<OfframpProcess> {
  const called = () => replicas.find(({ port }) => service.connectedTo().includes(port));
  return waitFor('Envoy Gateway to be connected', called, { timeoutMs: 30_000, intervalMs: 20 });
}

/** Another one takes its place; until that is ready the Service leads to the others. */
async function replace(replica: OfframpProcess): Promise<void> {
  const others = replicas.filter((one) => one !== replica);
  service.setEndpoints(others.map(({ port }) => port));
  await replica.stop();
  replicas = [...others, await startOfframpProcess(drillState)];
  service.setEndpoints(replicas.map(({ port }) => port));
}

/** Changes one after the other, each as soon as the last is live, until it is stopped. */
function startChanges() {
  let running = true;
  const times: number[] = [];
  const work = (async () => {
    while (running) times.push(await gateway.untilLive(await gateway.change()));
  })();
  return {
    stop: async (): Promise<readonly number[]> => {
      running = false;
      await work;
      return times;
    },
  };
}

describe('two replicas behind a Service, under steady changes', () => {
  it.each(['SIGKILL', 'SIGTERM'] as const)(
    'ended by %s, the called one each time: requests do not notice, and each change arrives',
    async (signal) => {
      const figures = await log.during(
        `${rounds} times ${signal} of the called of two`,
        async (tell) => {
          const changes = startChanges();
          for (let round = 0; round < rounds; round++) {
            await sleep(1_000);
            const victim = await calledReplica();
            process.kill(victim.pid, signal);
            // A second passes before a kubelet has told of a container that died; of one that it
            // ends it tells at once.
            if (signal === 'SIGKILL') await sleep(1_000);
            await replace(victim);
          }
          const times = await changes.stop();
          tell(
            `${times.length} changes, the slowest live after ${Math.round(Math.max(...times))} ms`,
          );
          expect(times.length).toBeGreaterThan(rounds);
        },
      );
      expect(figures.wrong).toEqual([]);
      expect(figures.sent).toBeGreaterThan(100);
    },
  );

  it('of which the called one is stopped: changes wait for it, and go to the other when it is killed', async () => {
    const figures = await log.during(
      'SIGSTOP of the called of two, killed after 30 s',
      async (tell) => {
        const victim = await calledReplica();
        process.kill(victim.pid, 'SIGSTOP');
        const change = await gateway.change();
        await sleep(stopped);
        expect(await gateway.isLive(change)).toBe(false);
        process.kill(victim.pid, 'SIGKILL');
        const live = gateway.untilLive(change);
        await replace(victim);
        tell(`the change is live ${Math.round(await live)} ms after that`);
      },
    );
    expect(figures.wrong).toEqual([]);
  });
});

describe('one replica', () => {
  it('that is stopped for 30 s: changes wait for it, requests do not', async () => {
    await setReplicas(1);
    await gateway.untilLive(await gateway.change());
    const figures = await log.during('SIGSTOP of the only one for 30 s', async (tell) => {
      const [only] = replicas;
      if (only === undefined) throw new Error('there is no replica');
      process.kill(only.pid, 'SIGSTOP');
      const change = await gateway.change();
      await sleep(stopped);
      expect(await gateway.isLive(change)).toBe(false);
      process.kill(only.pid, 'SIGCONT');
      tell(`the change is live ${Math.round(await gateway.untilLive(change))} ms after it goes on`);
    });
    expect(figures.wrong).toEqual([]);
  });
});
