import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import {
  addressesElsewhere,
  addressesOfEnvoysMachine,
} from '../support/control-plane-addresses.ts';
import type { RunningEnvoyGateway } from './support/envoy-gateway.ts';
import { recommendedExtensionManager } from './support/extension-manager.ts';
import { freePort } from './support/free-ports.ts';
import { installGatewayCrds } from './support/kubernetes/crds.ts';
import { startGatewayOnKubernetes } from './support/kubernetes/gateway.ts';
import { type RunningKubernetes, startKubernetes } from './support/kubernetes/kubernetes.ts';
import {
  gateway,
  gatewayClass,
  grpcRoute,
  httpRoute,
  type NewObject,
  service,
} from './support/kubernetes/objects.ts';
import { describeShares, isWithin, measureShares, type Shares } from './support/measure-shares.ts';
import { type OfframpProcess, startOfframpProcess } from './support/offramp.ts';
import { startGrpcUpstream, startHttpUpstream, type Upstream } from './support/upstreams.ts';
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
          tls: { sni: 'api' },
        },
        injectedQueryParameter: 'jwt',
        rememberFor: '1m30s',
        bufferLimitBytes: 1_048_576,
      },
    ],
    ['with a cluster', { controlPlane: { cluster: 'httproute/default/api/rule/0' } }],
    ...addressesElsewhere.map((host): [string, object] => [
      `with the address ${host}`,
      { controlPlane: { host, port: 80 } },
    ]),
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
    [
      { controlPlane: { host: 'a.example', port: 1, tls: { caFile: '/etc/ssl/ca.pem' } } },
      /Envoy reads the file, so only/,
    ],
    ...addressesOfEnvoysMachine.map((host): [object, RegExp] => [
      { controlPlane: { host, port: 19_000 } },
      /Envoy's own machine|expected a DNS name with a dot/,
    ]),
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

describe('a later version of the CRD', () => {
  const offlineResponse = { statusCode: 503, body: 'Back soon', retryAfterSeconds: 30 };
  const later = policy('later', { targetRefs: [toRoute], offlineResponse });

  it('takes settings that this one refuses, and every policy that is there', async () => {
    const before = policy('before', { targetRefs: [toRoute], emptyBackends: { mode: 'Keep' } });
    await apply(before);
    expect(await apply(later)).toMatch(/offlineResponse.*field not declared in schema/);
    const text = await readFile(file, 'utf8');
    const added = `                offlineResponse:
                  type: object
                  properties:
                    statusCode: { type: integer, minimum: 200, maximum: 599 }
                    body: { type: string, maxLength: 4096 }
                    retryAfterSeconds: { type: integer, minimum: 0 }
                emptyBackends:
`;
    const extended: unknown = parse(text.replace('                emptyBackends:\n', added));
    await kubernetes.apply([z.looseObject({}).parse(extended)]);
    const taken = async () => !/field not declared/.test(await apply(later));
    await waitFor('the new fields to be served', taken, { timeoutMs: 15_000 });
    expect(await kubernetes.kubectl(['get', 'ofp', 'later', '-o', 'yaml'])).toContain('Back soon');
    expect(await kubernetes.kubectl(['get', 'ofp', 'before', '--no-headers'])).toMatch(/ Keep /);
    expect(await apply(policy('bad', { offlineResponse }))).toMatch(/targetRefs: Required value/);
    await kubernetes.apply([z.looseObject({}).parse(parse(text))]);
  });
});

describe('behind a real Envoy Gateway', () => {
  let good: Upstream;
  let chatGood: Upstream;
  let recordings: string;
  let offramp: OfframpProcess;
  let eg: RunningEnvoyGateway;
  let port: number;

  const toGateway = { group: gatewayGroup, kind: 'Gateway', name: 'eg' };
  const toListener = { ...toGateway, sectionName: 'http' };
  const toRoutes = [
    { group: gatewayGroup, kind: 'HTTPRoute', name: 'shop' },
    { group: gatewayGroup, kind: 'GRPCRoute', name: 'chat' },
  ];
  const toRules = toRoutes.map((target) => ({ ...target, sectionName: 'checkout' }));
  const inTime = { timeoutMs: 15_000 };
  const start = (config: object = {}) =>
    startOfframpProcess(
      {},
      { state: { kubernetes: { kubeconfig: kubernetes.kubeconfig } }, ...config },
      ['--record', recordings],
    );

  beforeAll(async () => {
    [good, chatGood, port] = await Promise.all([
      startHttpUpstream('good'),
      startGrpcUpstream('good'),
      freePort(),
    ]);
    recordings = await mkdtemp(join(tmpdir(), 'offramp-e2e-recordings-'));
    await kubernetes.kubectl(['delete', 'offramppolicies', '--all']);
    await installGatewayCrds(kubernetes);
    const backends = (good: string) => [
      { kind: 'Service', name: good, weight: 60 },
      { kind: 'Service', name: 'empty', weight: 40 },
    ];
    await kubernetes.apply([
      gatewayClass(),
      gateway(port),
      ...['good', 'chat-good', 'empty'].map((name) => service(name)),
      nameRule(httpRoute({ name: 'shop', backends: backends('good') })),
      nameRule(grpcRoute({ name: 'chat', backends: backends('chat-good') })),
    ]);
    await kubernetes.setEndpoint({ service: 'good', port: good.port, is: 'ready' });
    await kubernetes.setEndpoint({ service: 'chat-good', port: chatGood.port, is: 'ready' });
    offramp = await start();
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
    await chatGood?.stop();
    if (recordings !== undefined) await rm(recordings, { recursive: true, force: true });
  });

  const measure = (name: string, count: number) =>
    measureShares({
      port,
      host: `${name}.example.com`,
      kind: name === 'chat' ? 'GRPCRoute' : 'HTTPRoute',
      count,
    });

  /** Waits until both routes are so, then measures as closely as it takes to tell. */
  async function become(mode: 'Rebalance' | 'Keep', names = ['shop', 'chat']): Promise<void> {
    for (const name of names) {
      const unavailable = name === 'chat' ? 'gRPC 14' : '503';
      const expected: Shares = mode === 'Keep' ? { good: 60, [unavailable]: 40 } : { good: 100 };
      const isIt = async () => isWithin(12, await measure(name, 200), expected);
      await waitFor(`${name} to be ${mode}`, isIt, { timeoutMs: 15_000 });
      const shares = await measure(name, 4_000);
      process.stderr.write(`${mode}: ${name}: ${describeShares(shares)}\n`);
      expect(isWithin(4, shares, expected), `${describeShares(expected)} was expected`).toBe(true);
    }
  }

  async function decide(name: string, targets: object[], mode: string): Promise<void> {
    await kubernetes.apply([policy(name, { targetRefs: targets, emptyBackends: { mode } })]);
  }

  async function isAccepted(name: string): Promise<boolean> {
    const printed = await kubernetes.kubectl(['get', 'ofp', name, '--no-headers']);
    return / True /.test(printed);
  }

  beforeEach(async () => {
    await kubernetes.kubectl(['delete', 'offramppolicies', '--all']);
    await become('Rebalance');
  });

  it('has the route’s Keep decide before the Gateway’s Rebalance', async () => {
    await decide('gateway', [toGateway], 'Rebalance');
    await decide('route', toRoutes, 'Keep');
    await become('Keep');
    await waitFor('both to be accepted', () => bothAccepted('gateway', 'route'), inTime);
  });

  it('has the rule’s Rebalance decide before the Gateway’s Keep', async () => {
    await decide('gateway', [toGateway], 'Keep');
    await become('Keep');
    await decide('rule', toRules, 'Rebalance');
    await become('Rebalance');
    await waitFor('both to be accepted', () => bothAccepted('gateway', 'rule'), inTime);
  });

  it('decides by the nearest of all: rule, route, listener, Gateway', async () => {
    await decide('gateway', [toGateway], 'Keep');
    await become('Keep');
    await decide('listener', [toListener], 'Rebalance');
    await become('Rebalance');
    await decide('route', toRoutes, 'Keep');
    await become('Keep');
    await decide('rule', toRules, 'Rebalance');
    await become('Rebalance');
    await waitFor('all to be accepted', () => bothAccepted('listener', 'route'), inTime);
    const dump = JSON.stringify(await eg.configDump());
    expect(dump).toContain('default/rule');
    const explained = await explainLast();
    process.stderr.write(explained);
    expect(explained).toContain(
      'Rebalance by default/rule (rule), before default/route (route), ' +
        'default/listener (listener), default/gateway (gateway)\n',
    );
    expect(explained).toMatch(/0 {2}weight 60 {2}ready +gains +Service default\/good has 1 ready/);
    expect(explained).toMatch(/1 {2}weight 40 {2}empty +leaves +Service default\/empty has no/);
  });

  it('lets the older of two at one level decide; the loser is in log, metric and explain', async () => {
    await decide('gateway', [toGateway], 'Keep');
    await decide('rule', toRules, 'Keep');
    await become('Keep');
    await decide('rule-too', toRules, 'Rebalance');
    const lost =
      /policy-overruled: default\/rule-too: has the same target \(a rule\) as default\/rule/;
    const told = () => offramp.log().some(({ skips }) => lost.test(String(skips)));
    await waitFor('the loser to be told', told, inTime);
    await become('Keep');
    // Envoy Gateway writes it, and knows nothing of the conflict.
    await waitFor('the loser to be accepted too', () => isAccepted('rule-too'), inTime);
    const metrics = await (await fetch(`${offramp.url}/metrics`)).text();
    expect(metrics).toMatch(/rewrites_skipped_total\{reason="policy-overruled"\} [1-9]/);
    const explained = await explainLast();
    process.stderr.write(explained);
    expect(explained).toContain(
      'Keep by default/rule (rule), before default/gateway (gateway); overruled: default/rule-too (rule)',
    );
    expect(explained).toMatch(
      /1 {2}weight 40 {2}empty +stays +Service default\/empty has no endpoints/,
    );
  });

  it('has the rule’s Rebalance decide before the Keep of the configuration', async () => {
    const { port: grpcPort } = offramp;
    const restart = async (mode: 'Keep' | 'Rebalance') => {
      await offramp.stop();
      const address = `127.0.0.1:${grpcPort}`;
      offramp = await start({ grpc: { address }, emptyBackends: { mode } });
    };
    await restart('Keep');
    await decide('rule', toRules, 'Keep');
    await become('Keep');
    await decide('rule', toRules, 'Rebalance');
    await become('Rebalance');
    await kubernetes.kubectl(['delete', 'offramppolicies', '--all']);
    await become('Keep');
    await restart('Rebalance');
    await decide('gateway', [toGateway], 'Rebalance');
    await become('Rebalance');
  });

  it('answers in shadow mode without the stamps, though policies decide what is counted', async () => {
    await decide('rule', toRules, 'Rebalance');
    const stamped = async () => JSON.stringify(await eg.configDump()).includes('default/rule');
    await waitFor('the stamp', stamped, inTime);
    const { port: grpcPort } = offramp;
    await offramp.stop();
    offramp = await start({ grpc: { address: `127.0.0.1:${grpcPort}` }, mode: 'shadow' });
    await decide('rule', toRules, 'Keep');
    await become('Keep');
    await waitFor('no stamp', async () => !(await stamped()), inTime);
    await decide('rule', toRules, 'Rebalance');
    const counted = () =>
      offramp.log().some(({ empty_backends_dropped: dropped }) => Number(dropped) > 0);
    await waitFor('the policy to count', counted, inTime);
    await become('Keep');
    expect(await stamped()).toBe(false);
  });

  async function bothAccepted(one: string, other: string): Promise<boolean> {
    return (await isAccepted(one)) && (await isAccepted(other));
  }

  /** What `explain` says of the last hook call. */
  async function explainLast(): Promise<string> {
    const names = (await readdir(recordings)).filter((name) => name.endsWith('.binpb.gz')).sort();
    const last = join(recordings, names.at(-1) ?? '');
    const args = ['dist/main.js', 'explain', last, '--config', offramp.configFile];
    // 1: something was skipped.
    const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    return stdout;
  }
});

/** The route with a name for its rule. */
function nameRule(route: NewObject): NewObject {
  const spec = z
    .object({ rules: z.array(z.looseObject({})) })
    .loose()
    .parse(route.spec);
  const rules = spec.rules.map((rule) => ({ ...rule, name: 'checkout' }));
  return { ...route, spec: { ...spec, rules } };
}
