import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { emptyBackendRows } from './support/empty-backend-rows.ts';
import type { RunningEnvoyGateway } from './support/envoy-gateway.ts';
import {
  type ExtensionServerAddress,
  recommendedExtensionManager,
} from './support/extension-manager.ts';
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
import { describeShares, isWithin, measureShares, type Shares } from './support/measure-shares.ts';
import { type OfframpProcess, startOfframpProcess } from './support/offramp.ts';
import { startGrpcUpstream, startHttpUpstream, type Upstream } from './support/upstreams.ts';
import { waitFor } from './support/wait-for.ts';

const names = ['good-empty', 'canary-filter', 'good-empty-missing', 'good-missing', 'empties'];
const rows = emptyBackendRows.filter(({ name }) => names.includes(name.replace('chat-', '')));

/** What Offramp needs with `emptyBackends.endpoints: hook`: no EndpointSlices. */
function roleWithoutSlices() {
  const role = documentedRole('ClusterRole');
  const rules = role.rules.filter((rule) => !JSON.stringify(rule).includes('endpointslices'));
  if (rules.length === role.rules.length) throw new Error('testbed: the role has no slices');
  return { ...role, rules };
}

describe.each(['TCP', 'a unix socket'])(
  'empty backendRefs, told by Envoy Gateway over %s',
  (over) => {
    const upstreams: Upstream[] = [];
    let folder: string;
    let kubernetes: RunningKubernetes;
    let offramp: OfframpProcess;
    let envoyGateway: RunningEnvoyGateway;
    let port: number;

    const measure = (name: string, count: number, kind: 'HTTPRoute' | 'GRPCRoute' = 'HTTPRoute') =>
      measureShares({ port, host: `${name}.example.com`, kind, count });
    const becomes = (name: string, expected: Shares, points: number) =>
      waitFor(
        `${name} to be ${describeShares(expected)}`,
        async () => isWithin(points, await measure(name, 300), expected),
        { timeoutMs: 20_000, intervalMs: 50 },
      );

    async function serve(name: string, upstream?: Upstream, ready = true): Promise<void> {
      await kubernetes.apply([service(name)]);
      const is = upstream === undefined ? 'none' : ready ? 'ready' : 'not-ready';
      await kubernetes.setEndpoint({ service: name, port: upstream?.port ?? 1, is });
    }

    async function upstreamOf(name: string, kind: 'http' | 'grpc' = 'http'): Promise<Upstream> {
      const upstream = await (kind === 'http' ? startHttpUpstream(name) : startGrpcUpstream(name));
      upstreams.push(upstream);
      return upstream;
    }

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'offramp-e2e-'));
      port = await freePort();
      kubernetes = await startKubernetes({ authorization: 'RBAC' });
      await installGatewayCrds(kubernetes);
      await kubernetes.apply([
        ...boundAccount('offramp', roleWithoutSlices()),
        gatewayClass(),
        gateway(port),
      ]);
      await serve('good', await upstreamOf('good'));
      await serve('other', await upstreamOf('other'));
      await serve('canary', await upstreamOf('unready'), false);
      await serve('chat-good', await upstreamOf('good', 'grpc'));
      await serve('chat-other', await upstreamOf('other', 'grpc'));
      await serve('chat-canary', await upstreamOf('unready', 'grpc'), false);
      for (const name of ['empty', 'empty-2']) await serve(name);
      await kubernetes.apply(
        rows.map(({ kind, ...route }) => (kind === 'HTTPRoute' ? httpRoute : grpcRoute)(route)),
      );
      const account = { serviceAccount: 'offramp', namespace: 'default' };
      const kubeconfig = await kubernetes.kubeconfigFor(account);
      const socket = join(folder, 'offramp.sock');
      const address = over === 'TCP' ? '127.0.0.1:0' : `unix:${socket}`;
      offramp = await startOfframpProcess(
        {},
        {
          grpc: { address },
          state: { kubernetes: { kubeconfig } },
          emptyBackends: { endpoints: 'hook' },
        },
      );
      const called: ExtensionServerAddress =
        over === 'TCP' ? { host: '127.0.0.1', port: offramp.port } : { unixSocket: socket };
      envoyGateway = await startGatewayOnKubernetes({
        kubernetes,
        extensionManager: recommendedExtensionManager(called, ['Endpoints', 'Translation']),
      });
      await becomes('good-empty', { good: 100 }, 0);
    });

    afterAll(async () => {
      await envoyGateway?.stop();
      await offramp?.stop();
      await kubernetes?.stop();
      for (const upstream of upstreams) await upstream.stop();
      await rm(folder, { recursive: true, force: true });
    });

    it.each(rows)('leave their share to the good ones, if any: $title, $kind', async (row) => {
      const shares = await measure(row.name, 4_000, row.kind);
      process.stderr.write(`${over}: ${row.kind} ${row.title}: ${describeShares(shares)}\n`);
      const expected = row.rebalance;
      expect(isWithin(4, shares, expected), `${describeShares(expected)} was expected`).toBe(true);
    });

    it('come back with their first ready endpoint, and leave with the last', async () => {
      const [unready] = upstreams.filter(({ name }) => name === 'unready');
      if (unready === undefined) throw new Error('testbed: no upstream');
      const canary = { service: 'canary', port: unready.port };
      const timed = async (what: string, is: 'ready' | 'not-ready', expected: Shares) => {
        const started = performance.now();
        await kubernetes.setEndpoint({ ...canary, is });
        await becomes('canary-filter', expected, 6);
        process.stderr.write(
          `${over}: ${what} after ${Math.round(performance.now() - started)} ms\n`,
        );
        const shares = await measure('canary-filter', 4_000);
        expect(isWithin(4, shares, expected), describeShares(shares)).toBe(true);
      };
      await timed('woken', 'ready', { good: 90, unready: 10 });
      await timed('drained', 'not-ready', { good: 100 });
    });

    it('are told apart from invalid ones without EndpointSlices', async () => {
      const metrics = await (await fetch(`${offramp.url}/metrics`)).text();
      expect(metrics).toContain('offramp_kubernetes_watches{kind="Service"');
      expect(metrics).not.toContain('EndpointSlice');
      expect(metrics).toContain(
        'offramp_empty_backends_unresolved_total{reason="endpoints-unknown"} 0',
      );
    });
  },
);
