import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import type { RunningEnvoyGateway } from './support/envoy-gateway.ts';
import { recommendedExtensionManager } from './support/extension-manager.ts';
import { freePort } from './support/free-ports.ts';
import { installGatewayCrds } from './support/kubernetes/crds.ts';
import { startGatewayOnKubernetes } from './support/kubernetes/gateway.ts';
import { type RunningKubernetes, startKubernetes } from './support/kubernetes/kubernetes.ts';
import { gateway, gatewayClass, httpRoute, service } from './support/kubernetes/objects.ts';
import { type OfframpProcess, startOfframpProcess } from './support/offramp.ts';
import { sendRequest } from './support/send-request.ts';
import { startHttpUpstream, type Upstream } from './support/upstreams.ts';
import { waitFor } from './support/wait-for.ts';

const file = join(import.meta.dirname, '../../deploy/helm/offramp/crds/offramppolicies.yaml');
const gatewayGroup = 'gateway.networking.k8s.io';
const toRoute = { group: gatewayGroup, kind: 'HTTPRoute', name: 'shop' };

function policy(name: string, spec: object) {
  const metadata = { name, namespace: 'default' };
  return { apiVersion: 'offramp.dev/v1alpha1', kind: 'OfframpPolicy', metadata, spec };
}

let kubernetes: RunningKubernetes;

beforeAll(async () => {
  kubernetes = await startKubernetes({});
  await kubernetes.apply([z.looseObject({}).parse(parse(await readFile(file, 'utf8')))]);
  await waitFor('the API server to serve OfframpPolicies', isServed, { timeoutMs: 20_000 });
});

afterAll(async () => {
  await kubernetes?.stop();
});

async function isServed(): Promise<boolean> {
  return kubernetes.kubectl(['get', 'offramppolicies']).then(
    () => true,
    () => false,
  );
}

/** Applies it as people do; answers what kubectl says when it is refused. */
async function apply(object: object): Promise<string> {
  const args = ['apply', '--server-side', '-f', '-'];
  return kubernetes.kubectl(args, { input: JSON.stringify(object) }).catch(String);
}

describe('the OfframpPolicy CRD', () => {
  it.each([
    ['a route', [toRoute]],
    ['a named rule', [{ ...toRoute, sectionName: 'checkout' }]],
    ['a GRPCRoute', [{ ...toRoute, kind: 'GRPCRoute' }]],
    [
      'a Gateway and one of its listeners',
      [
        { ...toRoute, kind: 'Gateway' },
        { ...toRoute, kind: 'Gateway', sectionName: 'http' },
      ],
    ],
  ])('takes a policy for %s', async (_what, targetRefs) => {
    const said = await apply(policy('good', { targetRefs, emptyBackends: { mode: 'Keep' } }));
    expect(said).toContain('offramppolicy.offramp.dev/good');
    expect(said).not.toMatch(/invalid|error/i);
  });

  it.each([
    ['without a target', {}, /spec\.targetRefs: Required value/],
    ['with no target in the list', { targetRefs: [] }, /spec\.targetRefs.*at least 1 item/],
    [
      'for another kind',
      { targetRefs: [{ ...toRoute, kind: 'TCPRoute' }] },
      /Unsupported value: "TCPRoute": supported values: "Gateway", "HTTPRoute", "GRPCRoute"/,
    ],
    [
      'with targetSelectors',
      { targetRefs: [toRoute], targetSelectors: [{ kind: 'HTTPRoute' }] },
      /targetSelectors are not supported/,
    ],
    [
      'with an unknown mode',
      { targetRefs: [toRoute], emptyBackends: { mode: 'Rebalanc' } },
      /Unsupported value: "Rebalanc": supported values: "Rebalance", "Keep"/,
    ],
    [
      'with an unknown field',
      { targetRefs: [toRoute], emptyBackend: { mode: 'Keep' } },
      /emptyBackend.*field not declared in schema|unknown field "spec\.emptyBackend"/,
    ],
  ])('refuses a policy %s, with the reason', async (_what, spec, reason) => {
    expect(await apply(policy('bad', spec))).toMatch(reason);
  });

  const fallback = (spec: object) => ({ targetRefs: [toRoute], controlPlaneFallback: spec });

  it.each([
    ['that opts a route in', { mode: 'Enabled' }],
    [
      'with every setting',
      {
        mode: 'Enabled',
        pathTemplate: '/v1/browsers/{id}',
        registry: [
          { subresource: 'telemetry', suffix: '/events' },
          { subresource: 'logs', suffix: '' },
        ],
        controlPlane: {
          host: 'api.example.com',
          port: 443,
          tls: { sni: 'api', caFile: '/ca.pem' },
        },
        injectedQueryParameter: 'jwt',
        rememberFor: '1m30s',
        bufferLimitBytes: 1_048_576,
      },
    ],
    ['with a cluster', { controlPlane: { cluster: 'httproute/default/api/rule/0' } }],
    ['with an IP address', { controlPlane: { host: '10.0.0.1', port: 80 } }],
  ])('takes a policy about the fallback %s', async (_what, spec) => {
    const said = await apply(policy('fallback', fallback(spec)));
    expect(said).toContain('offramppolicy.offramp.dev/fallback');
    expect(said).not.toMatch(/invalid|error/i);
  });

  it.each([
    [{ mode: 'On' }, /supported values: "Enabled", "Disabled"/],
    [{ pathTemplate: '/browsers' }, /pathTemplate.*should match/],
    [{ pathTemplate: '/a/../{id}' }, /pathTemplate.*Envoy resolves/],
    [{ registry: [] }, /registry.*at least 1 item/],
    [{ registry: [{ subresource: 'a/b', suffix: '' }] }, /subresource.*should match/],
    [{ registry: [{ subresource: 'a', suffix: 'b' }] }, /suffix.*should match/],
    [{ controlPlane: {} }, /give cluster, or host and port/],
    [{ controlPlane: { cluster: 'a', host: 'b', port: 1 } }, /give cluster, or host and port/],
    [{ controlPlane: { host: 'b' } }, /host needs its port/],
    [{ controlPlane: { cluster: 'a', tls: {} } }, /tls is for host and port/],
    [{ controlPlane: { host: '10.0.0.1', port: 1, tls: {} } }, /host is an IP address/],
    [{ rememberFor: '25h' }, /expected 1s to 24h/],
    [{ rememberFor: '100ms' }, /rememberFor.*should match/],
    [{ bufferLimitBytes: 1 }, /bufferLimitBytes.*16384/],
    [{ injectedQueryParameter: 'a&b' }, /injectedQueryParameter.*should match/],
  ])('refuses a policy about the fallback with %j', async (spec, reason) => {
    expect(await apply(policy('bad', fallback(spec)))).toMatch(reason);
  });

  it('has a short name, and columns that say what it does', async () => {
    const printed = await kubernetes.kubectl(['get', 'ofp', 'good']);
    expect(printed).toMatch(/NAME +TARGET +EMPTYBACKENDS +FALLBACK +ACCEPTED +AGE/);
    expect(printed).toMatch(/good +\S+ +Keep/);
  });
});

describe('behind a real Envoy Gateway', () => {
  let good: Upstream;
  let offramp: OfframpProcess;
  let eg: RunningEnvoyGateway;
  let port: number;

  const toGateway = { group: gatewayGroup, kind: 'Gateway', name: 'eg' };
  const toListener = { ...toGateway, sectionName: 'http' };
  const toShop = { group: gatewayGroup, kind: 'HTTPRoute', name: 'shop' };
  const toRule = { ...toShop, sectionName: 'checkout' };

  beforeAll(async () => {
    [good, port] = await Promise.all([startHttpUpstream('good'), freePort()]);
    await kubernetes.kubectl(['delete', 'offramppolicies', '--all']);
    await installGatewayCrds(kubernetes);
    const shop = httpRoute({
      name: 'shop',
      backends: [
        { kind: 'Service', name: 'good', weight: 60 },
        { kind: 'Service', name: 'empty', weight: 40 },
      ],
    });
    const named = z
      .object({ rules: z.array(z.looseObject({})) })
      .loose()
      .parse(shop.spec);
    const [rule] = named.rules;
    await kubernetes.apply([
      gatewayClass(),
      gateway(port),
      service('good'),
      service('empty'),
      { ...shop, spec: { ...named, rules: [{ ...rule, name: 'checkout' }] } },
    ]);
    await kubernetes.setEndpoint({ service: 'good', port: good.port, is: 'ready' });
    offramp = await startOfframpProcess(
      {},
      { state: { kubernetes: { kubeconfig: kubernetes.kubeconfig } } },
    );
    const recommended = recommendedExtensionManager({ host: '127.0.0.1', port: offramp.port });
    eg = await startGatewayOnKubernetes({
      kubernetes,
      extensionManager: {
        ...recommended,
        policyResources: [{ group: 'offramp.dev', version: 'v1alpha1', kind: 'OfframpPolicy' }],
        hooks: {
          xdsTranslator: {
            post: ['Translation', 'Route'],
            translation: {
              listener: { includeAll: true },
              route: { includeAll: true },
              cluster: { includeAll: true },
              secret: { includeAll: false },
            },
          },
        },
      },
    });
  });

  afterAll(async () => {
    await eg?.stop();
    await offramp?.stop();
    await good?.stop();
  });

  /** Share of 200s, in percent, out of 200 requests. */
  async function share(): Promise<number> {
    const url = { port, host: 'shop.example.com', path: '/' };
    const answers = await Promise.all(Array.from({ length: 200 }, () => sendRequest(url)));
    return answers.filter(({ status }) => status === 200).length / 2;
  }

  async function becomes(percent: number): Promise<void> {
    const isIt = async () => Math.abs((await share()) - percent) < 12;
    await waitFor(`${percent} % of the requests to be answered`, isIt, { timeoutMs: 15_000 });
  }

  async function decide(name: string, target: object, mode: string): Promise<void> {
    await kubernetes.apply([policy(name, { targetRefs: [target], emptyBackends: { mode } })]);
  }

  it('decides by the nearest policy: rule, route, listener, Gateway, configuration', async () => {
    await becomes(100);
    await decide('gateway', toGateway, 'Keep');
    await becomes(60);
    await decide('listener', toListener, 'Rebalance');
    await becomes(100);
    await decide('route', toShop, 'Keep');
    await becomes(60);
    await decide('rule', toRule, 'Rebalance');
    await becomes(100);
    const accepted = await kubernetes.kubectl(['get', 'ofp', '--no-headers']);
    expect(accepted.trim().split('\n')).toHaveLength(4);
    for (const name of ['gateway', 'listener', 'route', 'rule']) {
      expect(accepted).toMatch(new RegExp(`^${name} .* True `, 'm'));
    }
    const dump = JSON.stringify(await eg.configDump());
    expect(dump).toContain('default/rule');
  });

  it('lets the older of two policies at one level decide, and says which lost', async () => {
    await decide('rule-too', toRule, 'Keep');
    const told = () =>
      offramp.log().some(({ skips }) => String(skips).includes('policy-overruled')) || undefined;
    await waitFor('the loser to be told', told, { timeoutMs: 15_000 });
    await becomes(100);
    const accepted = await kubernetes.kubectl(['get', 'ofp', 'rule-too', '--no-headers']);
    expect(accepted).toContain(' True ');
  });
});
