import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunningEnvoyGateway } from './support/envoy-gateway.ts';
import { recommendedExtensionManager } from './support/extension-manager.ts';
import { freePort } from './support/free-ports.ts';
import { installGatewayCrds } from './support/kubernetes/crds.ts';
import { boundAccount, documentedRole } from './support/kubernetes/documented-roles.ts';
import { startGatewayOnKubernetes } from './support/kubernetes/gateway.ts';
import { type RunningKubernetes, startKubernetes } from './support/kubernetes/kubernetes.ts';
import {
  gateway,
  gatewayClass,
  grpcRoute,
  httpRoute,
  service,
} from './support/kubernetes/objects.ts';
import { type LaggingProxy, startLaggingProxy } from './support/lagging-proxy.ts';
import {
  describeShares,
  isWithin,
  type Shares,
  type SteadyLoad,
  sharesOf,
  startSteadyLoad,
} from './support/measure-shares.ts';
import { type OfframpProcess, startOfframpProcess } from './support/offramp.ts';
import { startGrpcUpstream, startHttpUpstream, type Upstream } from './support/upstreams.ts';
import { waitFor } from './support/wait-for.ts';
import { describeWake, watchWaking } from './support/waking.ts';

const eg = { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', name: 'eg' };
const ref = (name: string, weight: number) => ({ kind: 'Service', name, weight }) as const;
const setHeader = {
  type: 'RequestHeaderModifier',
  requestHeaderModifier: { set: [{ name: 'a', value: 'b' }] },
};
const allGood: Shares = { good: 100 };
const withInvalid: Shares = { good: 600 / 7, 500: 100 / 7 };

/** Services that are deleted. */
const deleted = ['gone-1', 'gone-2', 'gone-3'];
const late = ['late-1', 'late-2', 'late-3'];

/** Routes whose second backendRef wakes; with a filter, each backendRef has a cluster of its own. */
const waking = (['HTTPRoute', 'GRPCRoute'] as const).flatMap((kind) =>
  ['one-cluster', 'own-clusters'].flatMap((clusters) =>
    (kind === 'HTTPRoute' ? [1, 2, 3] : [1]).map((round) => ({
      name: `waking-${kind.slice(0, 4).toLowerCase()}-${clusters}-${round}`,
      kind,
      unavailable: kind === 'HTTPRoute' ? '503' : 'gRPC 14',
      backend: {
        ...ref(kind === 'HTTPRoute' ? 'good' : 'chat-good', 1),
        ...(clusters === 'own-clusters' && { filters: [setHeader] }),
      },
      round,
    })),
  ),
);

type Waking = (typeof waking)[number];
const routeOf = { HTTPRoute: httpRoute, GRPCRoute: grpcRoute };

function print(line: string): void {
  process.stderr.write(`${line}\n`);
}

describe('an answer that does not hold any more', () => {
  const upstreams: Upstream[] = [];
  let kubernetes: RunningKubernetes;
  let proxy: LaggingProxy;
  let offramp: OfframpProcess;
  let envoyGateway: RunningEnvoyGateway;
  let port: number;
  let grpcPort: number;

  const start = (mode: 'Keep' | 'Rebalance') =>
    startOfframpProcess(
      {},
      {
        grpc: { address: `127.0.0.1:${grpcPort}` },
        state: { kubernetes: { kubeconfig: proxy.kubeconfig } },
        emptyBackends: { mode },
      },
    );
  const hookCalls = () => offramp.log().filter(({ msg }) => msg === 'PostTranslateModify').length;
  const corrections = async () => {
    const text = await (await fetch(`${offramp.url}/metrics`)).text();
    return Number(/^offramp_self_corrections_total\{outcome="ok"\} (\d+)$/m.exec(text)?.[1]);
  };
  const load = (name: string, kind: Waking['kind'] = 'HTTPRoute') =>
    startSteadyLoad({ port, host: `${name}.example.com`, kind });

  async function startUpstream(name: string, kind: Waking['kind'] = 'HTTPRoute') {
    const upstream = await (kind === 'HTTPRoute' ? startHttpUpstream : startGrpcUpstream)(name);
    upstreams.push(upstream);
    return upstream;
  }

  /** Waits until the load is shared so, and answers after how many milliseconds it was. */
  async function becomes(traffic: SteadyLoad, expected: Shares): Promise<number> {
    const started = performance.now();
    traffic.answers();
    await waitFor(
      describeShares(expected),
      async () => {
        await sleep(200);
        return isWithin(4, sharesOf(traffic.answers()), expected);
      },
      { timeoutMs: 20_000, intervalMs: 0 },
    );
    return Math.round(performance.now() - started);
  }

  beforeAll(async () => {
    port = await freePort();
    grpcPort = await freePort();
    const good = await startUpstream('good');
    kubernetes = await startKubernetes({ authorization: 'RBAC' });
    await installGatewayCrds(kubernetes);
    await kubernetes.apply([
      ...boundAccount('offramp', documentedRole('ClusterRole')),
      gatewayClass(),
      gateway(port),
      service('good'),
      service('chat-good'),
    ]);
    const chatGood = await startUpstream('good', 'GRPCRoute');
    await kubernetes.setEndpoint({ service: 'good', port: good.port, is: 'ready' });
    await kubernetes.setEndpoint({ service: 'chat-good', port: chatGood.port, is: 'ready' });
    const empty = ['empty', ...deleted, ...late, ...waking.map(({ name }) => name)];
    await kubernetes.apply(empty.map((name) => service(name)));
    for (const name of empty) await kubernetes.setEndpoint({ service: name, port: 1, is: 'none' });
    await kubernetes.apply([
      ...[...deleted, ...late].map((name) =>
        httpRoute({ name, backends: [ref('good', 60), ref('empty', 30), ref(name, 10)] }),
      ),
      ...waking.map(({ name, kind, backend }) =>
        routeOf[kind]({ name, backends: [backend, ref(name, 99)] }),
      ),
      ...waking.map(({ name, kind, backend }) =>
        routeOf[kind]({
          name: `keep-${name}`,
          backends: [{ ...backend, weight: 9_999 }, ref(name, 1)],
        }),
      ),
    ]);
    const account = { serviceAccount: 'offramp', namespace: 'default' };
    proxy = await startLaggingProxy(kubernetes.url, await kubernetes.kubeconfigFor(account));
    offramp = await start('Keep');
    envoyGateway = await startGatewayOnKubernetes({
      kubernetes,
      extensionManager: recommendedExtensionManager({ host: '127.0.0.1', port: grpcPort }),
    });
  });

  afterAll(async () => {
    await envoyGateway?.stop();
    await offramp?.stop();
    await proxy?.stop();
    await kubernetes?.stop();
    for (const upstream of upstreams) await upstream.stop();
  });

  /** Wakes a Service under the load of a route to it. */
  async function wake(
    route: string,
    { name, kind }: Waking,
    hasShare: (shares: Shares) => boolean,
  ) {
    const woken = await startUpstream('woken', kind);
    const traffic = load(route, kind);
    await sleep(500);
    const before = sharesOf(traffic.answers());
    const options = {
      admin: envoyGateway.envoyAdmin,
      endpoint: woken.port,
      load: traffic,
      wake: () => kubernetes.setEndpoint({ service: name, port: woken.port, is: 'ready' }),
    };
    const watched = await watchWaking(options, (answers) => hasShare(sharesOf(answers)));
    await traffic.stop();
    print(`${route}: ${describeShares(before)}, ${describeWake(watched)}`);
    return { before, ...watched };
  }

  describe('with Keep', () => {
    it.each(waking.filter(({ round }) => round === 1))(
      'shows what Envoy Gateway does alone while a backendRef wakes: $name',
      async (one) => {
        const { name, unavailable } = one;
        // Its share is too small to be seen: every 503 but a few is of the change itself.
        const { between, since } = await wake(`keep-${name}`, one, () => true);
        expect(between.get(unavailable) ?? since.get(unavailable)).toBeUndefined();
        await kubernetes.setEndpoint({ service: name, port: 1, is: 'none' });
      },
    );
  });

  describe('with Rebalance', () => {
    beforeAll(async () => {
      await offramp.stop();
      offramp = await start('Rebalance');
      await kubernetes.patch(eg, {
        metadata: { annotations: { 'gateway.envoyproxy.io/touched': 'yes' } },
      });
      const traffic = load('gone-1');
      await becomes(traffic, allGood);
      await traffic.stop();
    });

    it.each(waking)('gives a waking backendRef its share within 3 s: $name', async (one) => {
      const { before, sharedMs, between, since } = await wake(
        one.name,
        one,
        ({ woken = 0 }) => woken > 95,
      );
      expect(before).toEqual(allGood);
      expect(sharedMs).toBeLessThan(3_000);
      expect(between.get(one.unavailable)).toBeUndefined();
      expect(isWithin(1, sharesOf(since), { good: 1, woken: 99 })).toBe(true);
    });

    it.each(waking)('takes it back when the endpoint goes: $name', async ({ name, kind }) => {
      const traffic = load(name, kind);
      await sleep(500);
      traffic.answers();
      await kubernetes.setEndpoint({ service: name, port: 1, is: 'none' });
      const during = new Map<string, number>();
      const isBack = async () => {
        await sleep(50);
        const window = traffic.answers();
        for (const [who, n] of window) during.set(who, (during.get(who) ?? 0) + n);
        return isWithin(0, sharesOf(window), allGood);
      };
      await waitFor('the good one to have all', isBack, { timeoutMs: 3_000, intervalMs: 0 });
      await sleep(1_000);
      const since = traffic.answers();
      await traffic.stop();
      const list = [...during].map(([who, n]) => `${n} ${who}`).join(', ');
      print(`${name} asleep: ${list}, then ${describeShares(sharesOf(since))}`);
      expect(sharesOf(since)).toEqual(allGood);
    });

    it.each(deleted)('is right when a Service is deleted: %s', async (name) => {
      const traffic = load(name);
      await becomes(traffic, allGood);
      const calls = hookCalls();
      const before = await corrections();
      await kubernetes.remove({ apiVersion: 'v1', kind: 'Service', name });
      const took = await becomes(traffic, withInvalid);
      await sleep(2_000);
      const shares = sharesOf(traffic.answers());
      await traffic.stop();
      const corrected = (await corrections()) - before;
      print(
        `${name} deleted: right after ${took} ms, ${describeShares(shares)}, ` +
          `${hookCalls() - calls} calls, ${corrected} corrections`,
      );
      expect(isWithin(4, shares, withInvalid)).toBe(true);
      expect(hookCalls() - calls).toBe(1 + corrected);
    });

    it.each(late)('is put right when Offramp learns later of it: %s', async (name) => {
      const traffic = load(name);
      await becomes(traffic, allGood);
      const calls = hookCalls();
      const before = await corrections();
      proxy.hold();
      await kubernetes.remove({ apiVersion: 'v1', kind: 'Service', name });
      await waitFor('the hook call', () => hookCalls() > calls, { timeoutMs: 10_000 });
      await sleep(500);
      traffic.answers();
      await sleep(1_000);
      const held = sharesOf(traffic.answers());
      proxy.release();
      const took = await becomes(traffic, withInvalid);
      await sleep(3_000);
      const shares = sharesOf(traffic.answers());
      await traffic.stop();
      const line = offramp.log().findLast(({ msg }) => msg.startsWith('self-correction'));
      print(
        `${name} deleted: ${describeShares(held)} while Offramp did not know, ` +
          `${describeShares(shares)} ${took} ms after it did: ${JSON.stringify(line)}`,
      );
      expect(isWithin(4, shares, withInvalid)).toBe(true);
      expect((await corrections()) - before).toBe(1);
      expect(hookCalls() - calls).toBe(2);
    });
  });
});
