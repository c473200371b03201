import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import type { RunningEnvoyGateway } from './support/envoy-gateway.ts';
import { recommendedExtensionManager } from './support/extension-manager.ts';
import { ask, eventsOf } from './support/fallback-kernel/ask.ts';
import {
  type RecordingServer,
  startControlPlane,
  startVm,
} from './support/fallback-kernel/servers.ts';
import { freePort } from './support/free-ports.ts';
import { installGatewayCrds } from './support/kubernetes/crds.ts';
import { startGatewayOnKubernetes } from './support/kubernetes/gateway.ts';
import { type RunningKubernetes, startKubernetes } from './support/kubernetes/kubernetes.ts';
import { gateway, gatewayClass, type NewObject, service } from './support/kubernetes/objects.ts';
import { type OfframpProcess, startOfframpProcess } from './support/offramp.ts';
import { waitFor } from './support/wait-for.ts';

const crd = join(import.meta.dirname, '../../deploy/helm/offramp/crds/offramppolicies.yaml');
const group = 'gateway.networking.k8s.io';
const toGateway = { group, kind: 'Gateway', name: 'eg' };
const toRoute = { group, kind: 'HTTPRoute', name: 'vm' };
const toRule = { ...toRoute, sectionName: 'kept' };
const controlPlaneFallback = {
  mode: 'Enabled',
  controlPlane: { cluster: 'httproute/default/api/rule/0' },
};
const prefix = { type: 'PathPrefix', value: '/browsers' };
const kept = { 'x-rule': 'kept' };

let port: number;
let vm: RecordingServer;
let controlPlane: RecordingServer;
let kubernetes: RunningKubernetes;
let offramp: OfframpProcess;
let eg: RunningEnvoyGateway;

beforeAll(async () => {
  [port, vm, controlPlane] = await Promise.all([freePort(), startVm(), startControlPlane()]);
  kubernetes = await startKubernetes({});
  await kubernetes.apply([z.looseObject({}).parse(parse(await readFile(crd, 'utf8')))]);
  await installGatewayCrds(kubernetes);
  const headers = [{ name: 'x-rule', value: 'kept' }];
  await kubernetes.apply([
    gatewayClass(),
    gateway(port),
    service('vm'),
    service('api'),
    route('api', [{ backendRefs: [{ name: 'api', port: 80 }] }]),
    route('vm', [
      {
        name: 'kept',
        matches: [{ path: prefix, headers }],
        backendRefs: [{ name: 'vm', port: 80 }],
      },
      { name: 'sessions', matches: [{ path: prefix }], backendRefs: [{ name: 'vm', port: 80 }] },
    ]),
  ]);
  await kubernetes.setEndpoint({ service: 'vm', port: vm.port, is: 'ready' });
  await kubernetes.setEndpoint({ service: 'api', port: controlPlane.port, is: 'ready' });
  offramp = await startOfframpProcess({});
  const recommended = recommendedExtensionManager({ host: '127.0.0.1', port: offramp.port });
  const includeAll = { includeAll: true };
  eg = await startGatewayOnKubernetes({
    kubernetes,
    extensionManager: {
      ...recommended,
      policyResources: [{ group: 'offramp.dev', version: 'v1alpha1', kind: 'OfframpPolicy' }],
      hooks: {
        xdsTranslator: {
          post: ['Translation', 'Route'],
          translation: { listener: includeAll, route: includeAll, cluster: includeAll },
        },
      },
    },
  });
});

afterAll(async () => {
  await eg?.stop();
  await offramp?.stop();
  await kubernetes?.stop();
  for (const one of [vm, controlPlane]) await one?.stop();
});

function route(name: string, rules: readonly object[]): NewObject {
  const metadata = { name, namespace: 'default' };
  const spec = { parentRefs: [{ name: 'eg' }], hostnames: ['vm.example.com'], rules };
  return { apiVersion: `${group}/v1`, kind: 'HTTPRoute', metadata, spec };
}

async function decide(name: string, target: object, fallback: object): Promise<void> {
  const metadata = { name, namespace: 'default' };
  const spec = { targetRefs: [target], controlPlaneFallback: fallback };
  await kubernetes.apply([
    { apiVersion: 'offramp.dev/v1alpha1', kind: 'OfframpPolicy', metadata, spec },
  ]);
}

/** What a gone session’s clients get from the rule `sessions`, and from the rule `kept`. */
async function becomes(sessions: number, ofKept: number): Promise<void> {
  const status = async (headers: Readonly<Record<string, string>>) => {
    const all = { host: 'vm.example.com', 'x-case': 'gone', ...headers };
    return (await ask(port, { path: eventsOf(randomUUID()), headers: all })).status;
  };
  const isIt = async () => (await status({})) === sessions && (await status(kept)) === ofKept;
  await waitFor(`${sessions} and, kept, ${ofKept}`, isIt, { timeoutMs: 20_000 });
}

it('falls back where the nearest policy says so: Gateway, route, rule', async () => {
  await becomes(404, 404);
  expect(controlPlane.take()).toEqual([]);
  await decide('gateway', toGateway, controlPlaneFallback);
  await becomes(200, 200);
  await decide('rule', toRule, { mode: 'Disabled' });
  await becomes(200, 404);
  await decide('route', toRoute, { mode: 'Disabled' });
  await becomes(404, 404);
  await decide('rule', toRule, { mode: 'Enabled' });
  await becomes(404, 200);
  await kubernetes.kubectl(['delete', 'offramppolicies', 'gateway', 'rule']);
  await decide('route', toRoute, controlPlaneFallback);
  await becomes(200, 200);
  await decide('rule', toRule, { mode: 'Disabled' });
  await becomes(200, 404);
});

it('is accepted at each level, and says on the route who opted it in', async () => {
  await decide('gateway', toGateway, controlPlaneFallback);
  for (const name of ['gateway', 'route', 'rule']) {
    const isAccepted = async () =>
      / True /.test(await kubernetes.kubectl(['get', 'ofp', name, '--no-headers']));
    await waitFor(`policy ${name} to be accepted`, isAccepted, { timeoutMs: 20_000 });
  }
  const details = offramp.log().map((line) => JSON.stringify(line));
  expect(details.some((line) => line.includes('opted in by default/route'))).toBe(true);
});
