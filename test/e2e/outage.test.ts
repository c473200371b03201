import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { backendYaml, gatewayYaml, httpRouteYaml } from './support/example-resources.ts';
import {
  type ExtensionServerAddress,
  recommendedExtensionManager,
} from './support/extension-manager.ts';
import { freePort } from './support/free-ports.ts';
import { type RunningGateway, startGateway } from './support/gateway.ts';
import { type OfframpProcess, startOfframpProcess } from './support/offramp.ts';
import { sendRequest } from './support/send-request.ts';
import { type SteadyTraffic, startSteadyTraffic } from './support/steady-traffic.ts';
import { startHttpUpstream, type Upstream } from './support/upstreams.ts';
import { waitFor } from './support/wait-for.ts';

const state = {
  connectors: [{ name: 'berlin', online: false, routes: [{ kind: 'HTTPRoute', name: 'berlin' }] }],
};
// gRPC waits longer between two attempts the longer the server is away, so both are looked at.
const transports = [
  { transport: 'tcp', outages: numbered([3, 3, 3, 20]) },
  { transport: 'unix', outages: numbered([3, 20]) },
] as const;

/** Milliseconds; loose, because what is shown is that it ends. */
const liveWithin = { timeoutMs: 60_000, intervalMs: 20 };

describe.each(transports)('Offramp killed in mid-traffic, over $transport', (drill) => {
  const { transport, outages } = drill;
  let folder: string;
  let address: ExtensionServerAddress;
  let upstreams: Upstream[];
  let port: number;
  let offramp: OfframpProcess;
  let gateway: RunningGateway;
  let traffic: SteadyTraffic;
  /** Those of one run only: Envoy Gateway takes longer to read a file with more routes. */
  let routes: string[] = [];
  const figures: string[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'offramp-e2e-outage-'));
    address =
      transport === 'unix'
        ? { unixSocket: join(folder, 'offramp.sock') }
        : { host: '127.0.0.1', port: await freePort() };
    upstreams = [await startHttpUpstream('healthy'), await startHttpUpstream('berlin')];
    port = await freePort();
    offramp = await startHere();
    gateway = await startGateway({
      resources: resources(),
      extensionManager: recommendedExtensionManager(address),
    });
    const requests = [
      { port, host: 'healthy.example.com', status: 200, body: 'healthy\n' },
      { port, host: 'berlin.example.com', status: 503, body: 'Tunnel not online' },
    ];
    traffic = startSteadyTraffic(requests, 50);
  });

  afterAll(async () => {
    await traffic?.stop();
    await gateway?.stop();
    await offramp?.stop();
    for (const upstream of upstreams ?? []) await upstream.stop();
    await rm(folder, { recursive: true, force: true });
    process.stdout.write(figures.map((line) => `${transport}: ${line}\n`).join(''));
  });

  it('while it is up, brings changes to Envoy', async () => {
    const took = [await timeOfChange('up-0'), await timeOfChange('up-1')];
    figures.push(`never away: changes are live ${took.join(' and ')} ms after they were made`);
  });

  it.each(outages)(
    'for $seconds s holds changes back, and lets them through when it is back (run $index)',
    async ({ seconds, index }) => {
      await killOfframp();
      await add(`first-${index}`);
      await sleep(seconds * 500);
      await add(`second-${index}`);
      await sleep(seconds * 500);
      expect(await statusOf(`first-${index}`)).toBe(404);
      expect(await statusOf(`second-${index}`)).toBe(404);

      offramp = await startHere();
      const back = servingSince(offramp);
      await isLive(`first-${index}`);
      const first = Date.now() - back;
      await isLive(`second-${index}`);
      const second = Date.now() - back;
      const calls = hookCalls(offramp);
      const next = await timeOfChange(`next-${index}`);
      figures.push(
        `away ${seconds} s: changes held back are live ${first} and ${second} ms after its return ` +
          `(${calls} hook calls), the next change ${next} ms after it was made`,
      );
      // The call for the first was waiting; what came after it is in one more.
      expect(calls).toBeLessThanOrEqual(2);
    },
  );

  it('for 5 s in which nothing changes, goes unnoticed', async () => {
    await killOfframp();
    await sleep(5_000);
    offramp = await startHere();
    expect(hookCalls(offramp)).toBe(0);
    const took = await timeOfChange('afterwards');
    figures.push(`away 5 s, no change meanwhile: the next is live ${took} ms after it was made`);
    expect(hookCalls(offramp)).toBe(1);
  });

  it('leaves traffic as it was, all the time', async () => {
    await traffic.stop();
    figures.push(`${traffic.sent()} requests sent, ${traffic.wrong().length} answered wrongly`);
    expect(traffic.wrong()).toEqual([]);
    expect(traffic.sent()).toBeGreaterThan(500);
    expect(upstreams[1]?.connectionCount()).toBe(0);
  });

  function startHere(): Promise<OfframpProcess> {
    const grpc =
      'unixSocket' in address ? `unix:${address.unixSocket}` : `${address.host}:${address.port}`;
    return startOfframpProcess(state, { grpc: { address: grpc } });
  }

  async function killOfframp(): Promise<void> {
    routes = [];
    process.kill(offramp.pid, 'SIGKILL');
    await offramp.stop();
  }

  function resources(): string {
    const backends = upstreams.map((upstream) => backendYaml(upstream.name, upstream.port));
    const fixed = [httpRouteYaml('healthy', 'healthy'), httpRouteYaml('berlin', 'berlin')];
    const added = routes.map((name) => httpRouteYaml(name, 'healthy'));
    return [gatewayYaml(port), ...backends, ...fixed, ...added].join('---\n');
  }

  async function add(route: string): Promise<void> {
    routes.push(route);
    await gateway.updateResources(resources());
  }

  /** Adds a route; milliseconds until Envoy has it. */
  async function timeOfChange(route: string): Promise<number> {
    const changed = Date.now();
    await add(route);
    await isLive(route);
    return Date.now() - changed;
  }

  async function statusOf(route: string): Promise<number> {
    return (await sendRequest({ port, host: `${route}.example.com` })).status;
  }

  function isLive(route: string): Promise<boolean> {
    return waitFor(`${route} to be live`, async () => (await statusOf(route)) === 200, liveWithin);
  }
});

/** When it began to serve, in milliseconds since 1970, by its own log. */
function servingSince(offramp: OfframpProcess): number {
  return Number(offramp.log().find(({ msg }) => msg === 'serving')?.time);
}

function hookCalls(offramp: OfframpProcess): number {
  return offramp.log().filter(({ msg }) => msg === 'PostTranslateModify').length;
}

function numbered(seconds: readonly number[]) {
  return seconds.map((one, index) => ({ seconds: one, index }));
}
