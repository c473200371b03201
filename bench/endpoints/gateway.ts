// How long a real Envoy Gateway takes from a change to the end of the translation, with the hook
// Endpoints and without it. Runs in vitest, for the testbed's sake; asserts nothing about times.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { z } from 'zod';
import type { EndpointSource } from '../../src/rewrites/pipeline.ts';
import { recommendedExtensionManager } from '../../test/e2e/support/extension-manager.ts';
import { freePort } from '../../test/e2e/support/free-ports.ts';
import { installGatewayCrds } from '../../test/e2e/support/kubernetes/crds.ts';
import { startGatewayOnKubernetes } from '../../test/e2e/support/kubernetes/gateway.ts';
import {
  type RunningKubernetes,
  startKubernetes,
} from '../../test/e2e/support/kubernetes/kubernetes.ts';
import {
  gateway,
  gatewayClass,
  httpRoute,
  service,
} from '../../test/e2e/support/kubernetes/objects.ts';
import { type OfframpProcess, startOfframpProcess } from '../../test/e2e/support/offramp.ts';
import { waitFor } from '../../test/e2e/support/wait-for.ts';
import { median, printRow } from '../measure.ts';

const sizes = (process.env.BENCH_CLUSTERS ?? '100,1000').split(',').map(Number);
const turns = 2;
const changesInATurn = 6;
const quietMs = 2_000;
const eg = { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', name: 'eg' };
const hooks = { slices: ['Translation'], hook: ['Endpoints', 'Translation'] } as const;
const hookCallSchema = z.looseObject({
  time: z.number(),
  clusters: z.number(),
  empty_backends_dropped: z.number(),
});

it('prints how long translations take', async () => {
  const rows: (string | number)[][] = [];
  for (const clusters of sizes) rows.push(await compare(clusters));
  process.stdout.write('\nMilliseconds from a change to the end of the translation, median\n\n');
  printRow(['EDS clusters', 'slices', 'hook', 'hook / slices', 'calls in a translation']);
  printRow(Array.from({ length: 5 }, () => '---'));
  for (const row of rows) printRow(row);
});

async function compare(clusters: number): Promise<(string | number)[]> {
  const kubernetes = await startKubernetes();
  try {
    await applyFleet(kubernetes, clusters);
    const times: Record<EndpointSource, number[]> = { slices: [], hook: [] };
    let calls = 0;
    for (let turn = 0; turn < turns; turn++) {
      times.slices.push(...(await measureTurn(kubernetes, clusters, 'slices')).times);
      const measured = await measureTurn(kubernetes, clusters, 'hook');
      times.hook.push(...measured.times);
      calls = measured.calls;
    }
    const [slices, hook] = [times.slices, times.hook].map((all) => {
      const [least, most] = [Math.min(...all), Math.max(...all)];
      return `${median(all)} (${least} to ${most})`;
    });
    const ratio = `× ${(median(times.hook) / median(times.slices)).toFixed(1)}`;
    return [String(clusters), slices ?? '', hook ?? '', ratio, String(calls)];
  } finally {
    await kubernetes.stop();
  }
}

/** Every route has two Services, each with a cluster of its own because the first has a filter. */
async function applyFleet(kubernetes: RunningKubernetes, clusters: number): Promise<void> {
  await installGatewayCrds(kubernetes);
  await kubernetes.apply([gatewayClass(), gateway(await freePort())]);
  const filters = [
    { type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'x', value: '1' }] } },
  ];
  const routes = Array.from({ length: clusters / 2 }, (_, index) => `r${index}`);
  await kubernetes.apply(routes.flatMap((name) => [service(`${name}-0`), service(`${name}-1`)]));
  for (const name of routes) {
    await kubernetes.setEndpoint({ service: `${name}-0`, port: 9, is: 'ready' });
    await kubernetes.setEndpoint({ service: `${name}-1`, port: 9, is: 'not-ready' });
  }
  await kubernetes.apply(
    routes.map((name) =>
      httpRoute({
        name,
        backends: [
          { kind: 'Service', name: `${name}-0`, weight: 90, filters },
          { kind: 'Service', name: `${name}-1`, weight: 10 },
        ],
      }),
    ),
  );
}

interface Turn {
  readonly times: readonly number[];
  /** PostEndpointsModify calls in one translation. */
  readonly calls: number;
}

async function measureTurn(
  kubernetes: RunningKubernetes,
  clusters: number,
  endpoints: EndpointSource,
): Promise<Turn> {
  const offramp = await startOfframpProcess(
    {},
    {
      log: { level: 'info' },
      state: { kubernetes: { kubeconfig: kubernetes.kubeconfig } },
      retrigger: { gatewayAnnotation: false },
      emptyBackends: { endpoints },
    },
  );
  const address = { host: '127.0.0.1', port: offramp.port };
  const envoyGateway = await startGatewayOnKubernetes({
    kubernetes,
    extensionManager: recommendedExtensionManager(address, hooks[endpoints]),
    timeoutMs: 180_000,
  });
  try {
    const isWhole = () => hookCalls(offramp).at(-1)?.empty_backends_dropped === clusters / 2;
    await waitFor('the whole fleet to be translated', isWhole, { timeoutMs: 180_000 });
    const times: number[] = [];
    const before = await endpointsCalls(offramp);
    const callsBefore = hookCalls(offramp).length;
    for (let change = 0; change < changesInATurn; change++) {
      await untilQuiet(offramp);
      times.push(await timeChange(kubernetes, offramp, `${endpoints}-${change}`));
    }
    expect(isWhole(), 'the empty ones have left all the same').toBe(true);
    const translations = hookCalls(offramp).length - callsBefore;
    const calls = ((await endpointsCalls(offramp)) - before) / translations;
    process.stderr.write(`${clusters} ${endpoints}: ${times.join(' ')} ms, ${calls} calls\n`);
    return { times, calls };
  } finally {
    await envoyGateway.stop();
    await offramp.stop();
  }
}

async function timeChange(
  kubernetes: RunningKubernetes,
  offramp: OfframpProcess,
  value: string,
): Promise<number> {
  const started = Date.now();
  const key = 'gateway.envoyproxy.io/touched';
  await kubernetes.patch(eg, { metadata: { annotations: { [key]: `${value}-${started}` } } });
  const ended = await waitFor(
    'the translation',
    () => hookCalls(offramp).find(({ time }) => time >= started),
    { timeoutMs: 60_000, intervalMs: 50 },
  );
  return ended.time - started;
}

/** Envoy Gateway writes statuses, which it reads again. */
async function untilQuiet(offramp: OfframpProcess): Promise<void> {
  let last = -1;
  while (hookCalls(offramp).length !== last) {
    last = hookCalls(offramp).length;
    await sleep(quietMs);
  }
}

function hookCalls(offramp: OfframpProcess) {
  const calls = offramp.log().filter(({ msg }) => msg === 'PostTranslateModify');
  return calls.map((line) => hookCallSchema.parse(line));
}

async function endpointsCalls({ url }: OfframpProcess): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const handled = /^grpc_server_handled_total\{.*PostEndpointsModify.*\} (\d+)$/m.exec(text);
  return Number(handled?.[1] ?? 0);
}
