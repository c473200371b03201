import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rightsOf } from './support/kubernetes/access.ts';
import {
  deploymentOf,
  namespaces,
  type RenderedObject,
  renderChart,
  restrictedNamespaces,
} from './support/kubernetes/charts.ts';
import { type RunningKubernetes, startKubernetes } from './support/kubernetes/kubernetes.ts';

const account = { serviceAccount: 'offramp', namespace: namespaces.offramp };
const readsConnectors = [
  'list connectors.networking.datumapis.com',
  'list httpproxies.networking.datumapis.com',
  'watch connectors.networking.datumapis.com',
  'watch httpproxies.networking.datumapis.com',
];
const annotatesGateways = [
  'list gateways.gateway.networking.k8s.io',
  'list httproutes.gateway.networking.k8s.io',
  'patch gateways.gateway.networking.k8s.io',
  'watch gateways.gateway.networking.k8s.io',
  'watch httproutes.gateway.networking.k8s.io',
];
const watchesNamespaces = ['list namespaces', 'watch namespaces'];
const cases = [
  {
    config: 'all namespaces',
    state: { kubernetes: {} },
    blue: [...readsConnectors, ...annotatesGateways, ...watchesNamespaces],
    elsewhere: [...readsConnectors, ...annotatesGateways, ...watchesNamespaces],
    hasToken: true,
  },
  {
    config: 'all namespaces, and no annotation of Gateways',
    state: { kubernetes: {} },
    retrigger: { gatewayAnnotation: false },
    blue: [...readsConnectors, ...watchesNamespaces],
    elsewhere: [...readsConnectors, ...watchesNamespaces],
    hasToken: true,
  },
  {
    config: 'one namespace',
    state: { kubernetes: { namespaces: ['blue', 'blue'] } },
    blue: [...readsConnectors, ...annotatesGateways, 'get namespaces blue'],
    elsewhere: [],
    hasToken: true,
  },
  {
    config: 'another cluster',
    state: { kubernetes: { kubeconfig: '/kubeconfig' } },
    blue: [],
    elsewhere: [],
    hasToken: false,
  },
  { config: 'a state file', state: { kubernetes: null }, blue: [], elsewhere: [], hasToken: false },
] as const;

describe.each(cases)('a configuration with $config', ({ blue, elsewhere, hasToken, ...config }) => {
  let kubernetes: RunningKubernetes;
  let objects: readonly RenderedObject[];

  beforeAll(async () => {
    kubernetes = await startKubernetes({ authorization: 'RBAC' });
    await kubernetes.apply(restrictedNamespaces(namespaces.offramp, 'blue'));
    const { state, ...rest } = config;
    const retrigger = 'retrigger' in rest ? { retrigger: rest.retrigger } : {};
    objects = await renderChart(kubernetes, { config: { state, ...retrigger } });
    const ofRights = /^(ServiceAccount|(Cluster)?Role(Binding)?)$/;
    await kubernetes.apply(objects.filter(({ kind }) => ofRights.test(kind)));
  });

  afterAll(async () => {
    await kubernetes?.stop();
  });

  it('allows what that reads and writes, and no more', async () => {
    expect(await rightsOf(kubernetes, account, 'blue')).toEqual([...blue].sort());
    expect(await rightsOf(kubernetes, account, 'default')).toEqual([...elsewhere].sort());
  });

  it('gives the pod a token only when it asks this cluster', () => {
    const { spec } = deploymentOf(objects, 'offramp').template;
    expect(spec.automountServiceAccountToken).toBe(hasToken);
  });
});
