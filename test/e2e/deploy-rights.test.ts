import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rightsOf } from './support/kubernetes/access.ts';
import {
  deploymentOf,
  namespaces,
  type RenderedObject,
  renderChart,
  restrictedNamespaces,
} from './support/kubernetes/charts.ts';
import { installDatumCrds, installGatewayCrds } from './support/kubernetes/crds.ts';
import { type RunningKubernetes, startKubernetes } from './support/kubernetes/kubernetes.ts';
import {
  connector,
  connectorStatus,
  gateway,
  gatewayClass,
  httpProxy,
  httpRoute,
} from './support/kubernetes/objects.ts';
import { type OfframpProcess, startOfframpProcess } from './support/offramp.ts';
import { waitFor } from './support/wait-for.ts';

const readsConnectors = [
  'list connectors.networking.datumapis.com',
  'list httpproxies.networking.datumapis.com',
  'watch connectors.networking.datumapis.com',
  'watch httpproxies.networking.datumapis.com',
];
const readsHttpRoutes = [
  'list httproutes.gateway.networking.k8s.io',
  'watch httproutes.gateway.networking.k8s.io',
];
const annotatesGateways = [
  'list gateways.gateway.networking.k8s.io',
  'patch gateways.gateway.networking.k8s.io',
  'watch gateways.gateway.networking.k8s.io',
];
const seeksEmptyBackends = [
  'backends.gateway.envoyproxy.io',
  'endpointslices.discovery.k8s.io',
  'grpcroutes.gateway.networking.k8s.io',
  'referencegrants.gateway.networking.k8s.io',
  'serviceimports.multicluster.x-k8s.io',
  'services',
].flatMap((resource) => [`list ${resource}`, `watch ${resource}`]);
const readsAll = [...readsConnectors, ...readsHttpRoutes, ...seeksEmptyBackends];
const watchesNamespaces = ['list namespaces', 'watch namespaces'];

interface Case {
  readonly config: string;
  readonly name: string;
  readonly state: { readonly kubernetes: object | null };
  readonly gatewayAnnotation?: boolean;
  readonly emptyBackends?: 'Keep';
  /** Rights in the namespace `blue`, and in any other. */
  readonly blue: readonly string[];
  readonly elsewhere: readonly string[];
}

const cases: readonly Case[] = [
  {
    config: 'all namespaces',
    name: 'everywhere',
    state: { kubernetes: {} },
    blue: [...readsAll, ...annotatesGateways, ...watchesNamespaces],
    elsewhere: [...readsAll, ...annotatesGateways, ...watchesNamespaces],
  },
  {
    config:
      'all namespaces, empty backendRefs kept where no policy differs, no annotation of Gateways',
    name: 'reader',
    state: { kubernetes: {} },
    gatewayAnnotation: false,
    emptyBackends: 'Keep',
    blue: [...readsAll, ...watchesNamespaces],
    elsewhere: [...readsAll, ...watchesNamespaces],
  },
  {
    config: 'one namespace',
    name: 'blue-only',
    state: { kubernetes: { namespaces: ['blue', 'blue'] } },
    blue: [...readsAll, ...annotatesGateways, 'get namespaces blue'],
    elsewhere: [],
  },
  {
    config: 'another cluster',
    name: 'stranger',
    state: { kubernetes: { kubeconfig: '/kubeconfig' } },
    blue: [],
    elsewhere: [],
  },
  { config: 'a state file', name: 'filed', state: { kubernetes: null }, blue: [], elsewhere: [] },
];

let kubernetes: RunningKubernetes;

beforeAll(async () => {
  kubernetes = await startKubernetes({ authorization: 'RBAC' });
  await installGatewayCrds(kubernetes);
  await installDatumCrds(kubernetes);
  await kubernetes.apply(restrictedNamespaces(namespaces.offramp, 'blue'));
  await kubernetes.apply([
    gatewayClass(),
    gateway(80, 'blue'),
    httpRoute({ name: 'eg', namespace: 'blue', backends: [] }),
    httpProxy('eg', [{ connector: 'berlin', endpoint: 'http://127.0.0.1:8080' }], 'blue'),
  ]);
});

afterAll(async () => {
  await kubernetes?.stop();
});

describe.each(cases)('a configuration with $config', (one) => {
  const account = { serviceAccount: one.name, namespace: namespaces.offramp };
  let objects: readonly RenderedObject[];

  beforeAll(async () => {
    objects = await installRights(one);
  });

  it('allows what that reads and writes, and no more', async () => {
    expect(await rightsOf(kubernetes, account, 'blue')).toEqual([...one.blue].sort());
    expect(await rightsOf(kubernetes, account, 'default')).toEqual([...one.elsewhere].sort());
  });

  it('gives the pod a token only when it asks this cluster', () => {
    const { spec } = deploymentOf(objects, one.name).template;
    expect(spec.automountServiceAccountToken).toBe(one.blue.length > 0);
  });
});

describe.each(cases.filter(({ blue }) => blue.length > 0))('Offramp with $config', (one) => {
  let offramp: OfframpProcess;

  beforeAll(async () => {
    await installRights(one);
    const account = { serviceAccount: one.name, namespace: namespaces.offramp };
    const kubeconfig = await kubernetes.kubeconfigFor(account);
    const { state, gatewayAnnotation = true, emptyBackends = 'Rebalance' } = one;
    offramp = await startOfframpProcess(
      {},
      {
        state: { kubernetes: { ...state.kubernetes, kubeconfig } },
        retrigger: { gatewayAnnotation },
        emptyBackends: { mode: emptyBackends },
      },
    );
  });

  afterAll(async () => {
    await offramp?.stop();
  });

  async function wellSaid(): Promise<string | undefined> {
    const response = await fetch(`${offramp.url}/readyz?verbose`);
    const said = await response.text();
    return said.includes('[-]') ? undefined : said;
  }

  it('misses no right', async () => {
    // Just after a CRD was installed the API server refuses watches of it for a moment.
    const said = await waitFor('every check to be well', wellSaid, { timeoutMs: 15_000 });
    expect(said).toContain('1 HTTPProxies');
    expect(offramp.log().filter(({ level }) => Number(level) > 40)).toEqual([]);
  });

  it('annotates the Gateway of a connector, if it is to', async () => {
    const annotation = async () => {
      const eg = { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', name: 'eg' };
      const { metadata } = (await kubernetes.get({ ...eg, namespace: 'blue' })) ?? {};
      return metadata?.annotations?.['gateway.envoyproxy.io/offramp-generation'];
    };
    const before = await annotation();
    const berlin = connector('berlin', 'blue');
    await kubernetes.apply([berlin]);
    const name = { ...berlin, name: 'berlin', namespace: 'blue' };
    const online = connectorStatus(true, `node-of-${one.name}`);
    await kubernetes.patchStatus(name, online);
    if (one.gatewayAnnotation === false) {
      await sleep(1_500);
      expect(await annotation()).toBe(before);
    } else {
      await waitFor('another annotation', async () => (await annotation()) !== before, {
        timeoutMs: 5_000,
      });
    }
  });
});

/** Installs what the chart makes of the case that says what Offramp may do; answers all of it. */
async function installRights(one: Case): Promise<readonly RenderedObject[]> {
  const { name, state, gatewayAnnotation = true, emptyBackends = 'Rebalance' } = one;
  const config = {
    state,
    retrigger: { gatewayAnnotation },
    emptyBackends: { mode: emptyBackends },
  };
  const objects = await renderChart(kubernetes, { fullnameOverride: name, config });
  const ofRights = /^(ServiceAccount|(Cluster)?Role(Binding)?)$/;
  await kubernetes.apply(objects.filter(({ kind }) => ofRights.test(kind)));
  return objects;
}
