import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { backendYaml } from './support/example-resources.ts';
import { ask, eventsOf } from './support/fallback-kernel/ask.ts';
import { type FallbackScene, startFallbackScene } from './support/fallback-scene.ts';
import { freePort } from './support/free-ports.ts';
import { type RateLimitService, startRateLimitService } from './support/rate-limit-service.ts';
import { gatewayClassYaml, listenersYaml, servedPathYaml } from './support/scene-resources.ts';
import { policyYaml } from './support/security-policies.ts';

const TOKENS = 2;
const gone = { 'x-case': 'gone' };

describe('a global rate limit on the routes of a fallback', () => {
  let port: number;
  let limits: RateLimitService;
  let scene: FallbackScene;

  beforeAll(async () => {
    port = await freePort();
    limits = await startRateLimitService(TOKENS);
    scene = await startFallbackScene({
      optedIn: ['vm'],
      configuration: {
        extensionApis: { enableBackend: true, enableEnvoyPatchPolicy: true },
        // Nobody reads it: the limits are those of the service of this test.
        rateLimit: {
          backend: { type: 'Redis', redis: { url: 'redis://127.0.0.1:1' } },
          failClosed: true,
          timeout: '5s',
        },
      },
      resources: ({ vm, controlPlane }) => [
        gatewayClassYaml(),
        listenersYaml([{ name: 'http', port }]),
        backendYaml('vm', vm.port),
        backendYaml('api', controlPlane.port),
        routeYaml('vm', '/browsers'),
        routeYaml('api', '/'),
        limitYaml('vm', 'x-vm-user'),
        limitYaml('api', 'x-api-user'),
        serviceAddressYaml(limits.port),
      ],
    });
  });
  afterAll(async () => {
    await scene?.stop();
    limits?.stop();
  });
  beforeEach(() => {
    scene.reached();
    limits.take();
  });

  /** Each outcome: the status, and how many requests reached the VM and the control plane. */
  async function outcomesOf(paths: readonly string[], users: Readonly<Record<string, string>>) {
    const outcomes = [];
    for (const path of paths) {
      const { status } = await ask(port, { path, headers: { ...gone, ...users } });
      outcomes.push([status, ...scene.reached()]);
    }
    return outcomes;
  }

  const newSessions = (count: number) =>
    Array.from({ length: count }, () => eventsOf(randomUUID()));

  it('takes a token of each route’s bucket, once for each pass', async () => {
    const [user, session] = [randomUUID(), randomUUID()];
    const headers = { 'x-vm-user': user, 'x-api-user': user };
    const paths = [eventsOf(session), `/browsers/${session}/x`, '/straight'];
    expect(await outcomesOf(paths, headers)).toEqual([
      [200, 1, 1],
      [200, 0, 1],
      [429, 0, 0],
    ]);
    const [first, ...others] = limits.take();
    expect(first).toContain('httproute/default/vm/rule/0');
    expect(others).toHaveLength(3);
    expect(new Set(others).size).toBe(1);
    expect(others[0]).toContain('httproute/default/api/rule/0');
  });

  it('lets nobody fall back who has used up what the control plane’s route grants', async () => {
    const headers = { 'x-api-user': randomUUID() };
    const [through, refused] = [
      [200, 1, 1],
      [429, 1, 0],
    ];
    expect(await outcomesOf(newSessions(3), headers)).toEqual([through, through, refused]);
  });

  it('keeps from the VM who has used up what its route grants, fallback or not', async () => {
    const user = { 'x-vm-user': randomUUID() };
    const paths = [`/browsers/${randomUUID()}/x`, ...newSessions(2)];
    expect((await outcomesOf(paths, user)).map(([status]) => status)).toEqual([404, 200, 429]);
  });
});

function routeYaml(name: string, path: string): string {
  return servedPathYaml(name, {
    listeners: ['http'],
    hosts: ['gateway.test'],
    path,
    backend: name,
  });
}

/** A limit for each value of a header; a request without it has none. */
function limitYaml(name: string, header: string): string {
  const clientSelectors = [{ headers: [{ name: header, type: 'Distinct' }] }];
  const rules = [{ clientSelectors, limit: { requests: TOKENS, unit: 'Hour' } }];
  const target = { kind: 'HTTPRoute', name } as const;
  return policyYaml('BackendTrafficPolicy', target, {
    rateLimit: { type: 'Global', global: { rules } },
  });
}

/** Envoy Gateway expects the service at a place in a Kubernetes cluster, over TLS. */
function serviceAddressYaml(port: number): string {
  const address = '/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address';
  const operations = [
    { op: 'replace', path: `${address}/address`, value: '127.0.0.1' },
    { op: 'replace', path: `${address}/port_value`, value: port },
    { op: 'remove', path: '/transport_socket' },
  ];
  return stringify({
    apiVersion: 'gateway.envoyproxy.io/v1alpha1',
    kind: 'EnvoyPatchPolicy',
    metadata: { name: 'rate-limit-service', namespace: 'default' },
    spec: {
      targetRef: { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'eg' },
      type: 'JSONPatch',
      jsonPatches: operations.map((operation) => ({
        type: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
        name: 'ratelimit_cluster',
        operation,
      })),
    },
  });
}
