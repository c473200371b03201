import process from 'node:process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { emptyBackendRows } from './support/empty-backend-rows.ts';
import type { RunningEnvoyGateway } from './support/envoy-gateway.ts';
import { recommendedExtensionManager } from './support/extension-manager.ts';
import { freePort } from './support/free-ports.ts';
import { installGatewayCrds } from './support/kubernetes/crds.ts';
import { boundAccount, documentedRole } from './support/kubernetes/documented-roles.ts';
import { startGatewayOnKubernetes } from './support/kubernetes/gateway.ts';
import { type RunningKubernetes, startKubernetes } from './support/kubernetes/kubernetes.ts';
import {
  dynamicResolver,
  gateway,
  gatewayClass,
  grpcRoute,
  httpRoute,
  service,
} from './support/kubernetes/objects.ts';
import { describeShares, isWithin, measureShares, type Shares } from './support/measure-shares.ts';
import { type OfframpProcess, startOfframpProcess } from './support/offramp.ts';
import { startGrpcUpstream, startHttpUpstream, type Upstream } from './support/upstreams.ts';
import { waitFor } from './support/wait-for.ts';

const eg = { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', name: 'eg' };
const allGood: Shares = { good: 100 };

function print(line: string): void {
  process.stderr.write(`${line}\n`);
}

const conditionsSchema = z.object({
  metadata: z.object({ name: z.string() }),
  status: z.object({
    parents: z.array(
      z.object({
        conditions: z.array(
          z.object({ type: z.string(), status: z.string(), message: z.string() }),
        ),
      }),
    ),
  }),
});

describe('empty backendRefs', () => {
  const upstreams: Upstream[] = [];
  let kubernetes: RunningKubernetes;
  let offramp: OfframpProcess;
  let envoyGateway: RunningEnvoyGateway;
  let port: number;
  let grpcPort: number;
  let kubeconfig: string;

  const start = (mode: 'Keep' | 'Rebalance') =>
    startOfframpProcess(
      {},
      {
        grpc: { address: `127.0.0.1:${grpcPort}` },
        state: { kubernetes: { kubeconfig } },
        emptyBackends: { mode },
      },
    );
  const measure = (name: string, count: number, kind: 'HTTPRoute' | 'GRPCRoute' = 'HTTPRoute') =>
    measureShares({ port, host: `${name}.example.com`, kind, count });
  const becomes = (name: string, expected: Shares, points: number) =>
    waitFor(
      `${name} to be ${describeShares(expected)}`,
      async () => isWithin(points, await measure(name, 300), expected),
      { timeoutMs: 20_000, intervalMs: 50 },
    );

  /** A Service whose endpoints, each in a slice of its own, are as they are given. */
  async function serve(name: string, endpoints: readonly (readonly [Upstream, boolean])[] = []) {
    await kubernetes.apply([service(name)]);
    if (endpoints.length === 0) {
      await kubernetes.setEndpoint({ service: name, port: 1, is: 'none' });
    }
    for (const [slice, [upstream, ready]] of endpoints.entries()) {
      const is = ready ? 'ready' : 'not-ready';
      await kubernetes.setEndpoint({ service: name, slice: `${slice}`, port: upstream.port, is });
    }
  }

  async function startUpstream(name: string, kind: 'http' | 'grpc' = 'http'): Promise<Upstream> {
    const upstream = await (kind === 'http' ? startHttpUpstream(name) : startGrpcUpstream(name));
    upstreams.push(upstream);
    return upstream;
  }

  async function serveAll(): Promise<void> {
    const good = await startUpstream('good');
    const other = await startUpstream('other');
    const unready = await Promise.all(Array.from({ length: 9 }, () => startUpstream('unready')));
    const [firstUnready] = unready;
    if (firstUnready === undefined) throw new Error('testbed: no upstream');
    await serve('good', [[good, true]]);
    await serve('other', [[other, true]]);
    await serve('gone', [[other, true]]);
    for (const name of ['empty', 'empty-2', 'empty-gone']) await serve(name);
    await serve('canary', [[firstUnready, false]]);
    await serve('one-of-ten', [
      [good, true],
      ...unready.map((one): [Upstream, boolean] => [one, false]),
    ]);
    const chatGood = await startUpstream('good', 'grpc');
    await serve('chat-good', [[chatGood, true]]);
    await serve('chat-one-of-ten', [
      [chatGood, true],
      ...unready.map((one): [Upstream, boolean] => [one, false]),
    ]);
    await serve('chat-other', [[await startUpstream('other', 'grpc'), true]]);
    await serve('chat-canary', [[await startUpstream('unready', 'grpc'), false]]);
    await kubernetes.apply([
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'private' } },
      service('good', 'private'),
      dynamicResolver('dynamic'),
    ]);
    await kubernetes.setEndpoint({
      service: 'good',
      namespace: 'private',
      port: good.port,
      is: 'ready',
    });
  }

  beforeAll(async () => {
    port = await freePort();
    grpcPort = await freePort();
    kubernetes = await startKubernetes({ authorization: 'RBAC' });
    await installGatewayCrds(kubernetes);
    await kubernetes.apply([
      ...boundAccount('offramp', documentedRole('ClusterRole')),
      gatewayClass(),
      gateway(port),
    ]);
    await serveAll();
    const ref = (name: string, weight: number) => ({ kind: 'Service', name, weight }) as const;
    await kubernetes.apply([
      httpRoute({ name: 'deleted', backends: [ref('good', 60), ref('gone', 40)] }),
      httpRoute({ name: 'deleted-empty', backends: [ref('good', 60), ref('empty-gone', 40)] }),
    ]);
    await kubernetes.apply(
      emptyBackendRows.map(({ kind, ...route }) =>
        kind === 'HTTPRoute' ? httpRoute(route) : grpcRoute(route),
      ),
    );
    const account = { serviceAccount: 'offramp', namespace: 'default' };
    kubeconfig = await kubernetes.kubeconfigFor(account);
    offramp = await start('Keep');
    envoyGateway = await startGatewayOnKubernetes({
      kubernetes,
      extensionManager: recommendedExtensionManager({ host: '127.0.0.1', port: grpcPort }),
      configuration: { extensionApis: { enableBackend: true } },
    });
    await becomes('good-empty', { good: 60, 503: 40 }, 10);
  });

  afterAll(async () => {
    await envoyGateway?.stop();
    await offramp?.stop();
    await kubernetes?.stop();
    for (const upstream of upstreams) await upstream.stop();
  });

  async function measureRow(row: (typeof emptyBackendRows)[number], mode: 'keep' | 'rebalance') {
    const shares = await measure(row.name, 4_000, row.kind);
    print(`${mode}: ${row.kind} ${row.title}: ${describeShares(shares)}`);
    const expected = row[mode];
    expect(isWithin(4, shares, expected), `${describeShares(expected)} was expected`).toBe(true);
  }

  /** `type=status` and the message of each condition of all routes, by the routes' names. */
  async function conditions() {
    const kinds = ['HTTPRoute', 'GRPCRoute'].map((kind) => kubernetes.list(eg.apiVersion, kind));
    const routes = z.array(conditionsSchema).parse((await Promise.all(kinds)).flat());
    return routes.map(({ metadata, status }) => [
      metadata.name,
      ...status.parents
        .flatMap((parent) => parent.conditions)
        .map(({ type, status: is, message }) => `${type}=${is} ${message}`)
        // Envoy Gateway writes them in any order.
        .sort(),
    ]);
  }

  describe('with Keep', () => {
    it.each(emptyBackendRows)('are left as Envoy Gateway has them: $title, $kind', (row) =>
      measureRow(row, 'keep'),
    );
  });

  describe('with Rebalance', () => {
    let before: Awaited<ReturnType<typeof conditions>>;

    beforeAll(async () => {
      before = await conditions();
      await offramp.stop();
      offramp = await start('Rebalance');
      await kubernetes.patch(eg, {
        metadata: { annotations: { 'gateway.envoyproxy.io/touched': 'yes' } },
      });
      await becomes('good-empty', allGood, 0);
    });

    it.each(emptyBackendRows)('leave their share to the good ones, if any: $title, $kind', (row) =>
      measureRow(row, 'rebalance'),
    );

    it('show in the conditions of their routes as with Keep', async () => {
      const all = before.flat().join();
      expect(all).toContain('BackendsAvailable=False');
      expect(all).toContain('ResolvedRefs=False');
      expect(await conditions()).toEqual(before);
    });

    it.each(['gone', 'empty-gone'])(
      'are invalid when their Service is deleted: %s',
      async (name) => {
        const host = name === 'gone' ? 'deleted' : 'deleted-empty';
        const started = performance.now();
        await kubernetes.remove({ apiVersion: 'v1', kind: 'Service', name });
        await becomes(host, { good: 60, 500: 40 }, 10);
        print(`${name} deleted: right after ${Math.round(performance.now() - started)} ms`);
        const shares = await measure(host, 4_000);
        print(`${name} deleted: ${describeShares(shares)}`);
        expect(isWithin(4, shares, { good: 60, 500: 40 })).toBe(true);
      },
    );
  });
});
