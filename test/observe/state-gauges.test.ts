import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { registerSourceGauges } from '../../src/observe/state-gauges.ts';
import { noBackendRefs } from '../../src/state/backend-refs.ts';
import { KubernetesView } from '../../src/state/kubernetes/kubernetes-view.ts';
import { offline, online, proxyBehind } from '../support/kubernetes-state.ts';
import { idleSource } from '../support/registered-metrics.ts';

it('each scrape counts the connectors as they are then', async () => {
  const view = new KubernetesView();
  const registry = new Registry();
  const state = { connectors: view, backendRefs: noBackendRefs };
  registerSourceGauges(registry, 'offramp', { ...idleSource, state });
  const counted = async () => {
    const text = await registry.metrics();
    return [...text.matchAll(/^offramp_connectors\{.*state="(\w+)"\} (\d+)$/gm)].map(
      ([, state, count]) => `${count} ${state}`,
    );
  };
  expect(await counted()).toEqual(['0 online', '0 offline']);
  view.setProxy('a', 'shop', proxyBehind('berlin', 'oslo'));
  view.setConnector('a', 'berlin', online);
  expect(await counted()).toEqual(['1 online', '1 offline']);
  view.setConnector('a', 'berlin', offline);
  expect(await counted()).toEqual(['0 online', '2 offline']);
  view.setProxy('a', 'shop', undefined);
  expect(await counted()).toEqual(['0 online', '0 offline']);
});
