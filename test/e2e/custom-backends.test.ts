import process from 'node:process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CustomBackends, startCustomBackends } from './support/custom-backends.ts';
import type { RunningEnvoyGateway } from './support/envoy-gateway.ts';
import { recommendedExtensionManager } from './support/extension-manager.ts';
import { freePort } from './support/free-ports.ts';
import { installGatewayCrds, installStaticBackendCrd } from './support/kubernetes/crds.ts';
import { startGatewayOnKubernetes } from './support/kubernetes/gateway.ts';
import { type RunningKubernetes, startKubernetes } from './support/kubernetes/kubernetes.ts';
import {
  type BackendRef,
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

interface Row {
  readonly kind: 'HTTPRoute' | 'GRPCRoute';
  readonly name: string;
  readonly title: string;
  readonly backends: readonly BackendRef[];
  readonly keep: Shares;
  readonly rebalance: Shares;
}

const group = 'testbed.offramp.dev';
const custom = (weight: number) => ({ kind: 'StaticBackend', group, name: 'custom', weight });
// No object, so Envoy Gateway takes it for invalid.
const lost = (weight: number) => ({ ...custom(weight), name: 'lost' });
// A kind that no extension serves.
const unserved = (weight: number) => ({ kind: 'Lambda', group, name: 'custom', weight });
const to = (name: string, weight: number) => ({ kind: 'Service', name, weight });
const prefixes = { HTTPRoute: '', GRPCRoute: 'chat-' } as const;
const statuses = {
  HTTPRoute: { 500: '500', 503: '503' },
  GRPCRoute: { 500: 'gRPC 2', 503: 'gRPC 14' },
} as const;

const rows = (['HTTPRoute', 'GRPCRoute'] as const).flatMap((kind): Row[] => {
  const prefix = prefixes[kind];
  const status = statuses[kind];
  const good = (weight: number) => to(`${prefix}good`, weight);
  const withInvalid = {
    keep: { good: 60, [status[503]]: 40 },
    rebalance: { good: 600 / 7, [status[500]]: 100 / 7 },
  };
  return [
    {
      kind,
      name: `${prefix}custom-empty`,
      title: 'custom 50, empty 50',
      backends: [custom(50), to('empty', 50)],
      // It gets no entry in a split, so that all of the split is the empty one's.
      keep: { [status[503]]: 100 },
      rebalance: { custom: 100 },
    },
    {
      kind,
      name: `${prefix}custom-good-empty`,
      title: 'custom 40, good 20, empty 40',
      backends: [custom(40), good(20), to('empty', 40)],
      keep: { good: 100 / 3, [status[503]]: 200 / 3 },
      rebalance: { good: 100 / 3, custom: 200 / 3 },
    },
    {
      kind,
      name: `${prefix}lost`,
      title: 'good 60, empty 30, a custom one that is not there 10',
      backends: [good(60), to('empty', 30), lost(10)],
      ...withInvalid,
    },
    {
      kind,
      name: `${prefix}unserved`,
      title: 'good 60, empty 30, of a kind that nobody serves 10',
      backends: [good(60), to('empty', 30), unserved(10)],
      ...withInvalid,
    },
  ];
});

describe('beside empty backendRefs, custom backends', () => {
  const upstreams: Upstream[] = [];
  let kubernetes: RunningKubernetes;
  let customBackends: CustomBackends;
  let offramp: OfframpProcess;
  let envoyGateway: RunningEnvoyGateway;
  let port: number;
  let grpcPort: number;

  const start = (mode: 'Keep' | 'Rebalance') =>
    startOfframpProcess(
      {},
      {
        grpc: { address: `127.0.0.1:${grpcPort}` },
        state: { kubernetes: { kubeconfig: kubernetes.kubeconfig } },
        emptyBackends: { mode },
      },
    );
  const measure = ({ name, kind }: Row, count: number) =>
    measureShares({ port, host: `${name}.example.com`, kind, count });
  const measureRow = async (row: Row, mode: 'keep' | 'rebalance') => {
    const shares = await measure(row, 4_000);
    process.stderr.write(`${mode}: ${row.kind} ${row.title}: ${describeShares(shares)}\n`);
    const expected = row[mode];
    expect(isWithin(4, shares, expected), `${describeShares(expected)} was expected`).toBe(true);
  };
  const becomes = (mode: 'keep' | 'rebalance') =>
    waitFor(
      `all to be as with ${mode}`,
      async () => {
        for (const row of rows) {
          if (!isWithin(10, await measure(row, 200), row[mode])) return false;
        }
        return true;
      },
      { timeoutMs: 20_000 },
    );

  beforeAll(async () => {
    port = await freePort();
    grpcPort = await freePort();
    const good = await startHttpUpstream('good');
    const static_ = await startHttpUpstream('custom');
    const chatGood = await startGrpcUpstream('good');
    const chatStatic = await startGrpcUpstream('custom');
    upstreams.push(good, static_, chatGood, chatStatic);
    customBackends = await startCustomBackends({
      httproute: static_.port,
      grpcroute: chatStatic.port,
    });
    kubernetes = await startKubernetes();
    await installGatewayCrds(kubernetes);
    await installStaticBackendCrd(kubernetes);
    await kubernetes.apply([
      gatewayClass(),
      gateway(port),
      ...['good', 'chat-good', 'empty'].map((name) => service(name)),
      {
        apiVersion: `${group}/v1`,
        kind: 'StaticBackend',
        metadata: { name: 'custom', namespace: 'default' },
        spec: { port: static_.port },
      },
      ...rows.map(({ kind, ...route }) =>
        kind === 'HTTPRoute' ? httpRoute(route) : grpcRoute(route),
      ),
    ]);
    await kubernetes.setEndpoint({ service: 'good', port: good.port, is: 'ready' });
    await kubernetes.setEndpoint({ service: 'chat-good', port: chatGood.port, is: 'ready' });
    await kubernetes.setEndpoint({ service: 'empty', port: 1, is: 'none' });
    offramp = await start('Keep');
    envoyGateway = await startGatewayOnKubernetes({
      kubernetes,
      configuration: {
        extensionApis: { enableBackend: true },
        extensionManagers: [
          customBackends.extensionManager,
          {
            name: 'offramp',
            ...recommendedExtensionManager({ host: '127.0.0.1', port: grpcPort }),
          },
        ],
      },
    });
    await becomes('keep');
  });

  afterAll(async () => {
    await envoyGateway?.stop();
    await offramp?.stop();
    await customBackends?.stop();
    await kubernetes?.stop();
    for (const upstream of upstreams) await upstream.stop();
  });

  it.each(rows)('with Keep are left as Envoy Gateway has them: $title, $kind', (row) =>
    measureRow(row, 'keep'),
  );

  describe('with Rebalance', () => {
    beforeAll(async () => {
      await offramp.stop();
      offramp = await start('Rebalance');
      await kubernetes.patch(
        { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', name: 'eg' },
        { metadata: { annotations: { 'gateway.envoyproxy.io/touched': 'yes' } } },
      );
      await becomes('rebalance');
    });

    it.each(rows)('get their share, or are invalid: $title, $kind', (row) =>
      measureRow(row, 'rebalance'),
    );
  });

  it('have PostClusterModify called for all clusters of an HTTPRoute’s rule, none of a GRPCRoute’s', () => {
    const names = new Set(customBackends.clusters());
    expect(names).toContain('httproute/default/custom-empty/rule/0/backend/0');
    expect(names).toContain('httproute/default/custom-empty/rule/0/backend/1');
    expect([...names].filter((name) => name.startsWith('grpcroute'))).toEqual([]);
  });
});
