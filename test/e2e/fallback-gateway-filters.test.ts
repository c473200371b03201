import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import {
  type AuthorizationService,
  startAuthorizationService,
} from './support/authorization-service.ts';
import { eventsOf } from './support/fallback-kernel/ask.ts';
import { linesOf, type Sent, sendHttp1, valuesOf } from './support/fallback-matrix/exchange.ts';
import { type Matrix, newSession, startMatrix } from './support/fallback-matrix/matrix.ts';
import { hostOf, http2BackendYaml } from './support/fallback-matrix/resources.ts';

const gone = { 'x-case': 'with a length' };
const AUTHORIZATION = 'Bearer of-the-client';
const origin = 'https://app.example.com';

/** A policy of Envoy Gateway's for one HTTPRoute. */
function policy(kind: string, route: string, spec: object): object {
  return {
    apiVersion: 'gateway.envoyproxy.io/v1alpha1',
    kind,
    metadata: { name: `${kind.toLowerCase()}-${route}`, namespace: 'default' },
    spec: {
      targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: route }],
      ...spec,
    },
  };
}

const authz = { backendRefs: [{ group: 'gateway.envoyproxy.io', kind: 'Backend', name: 'authz' }] };

function securityPolicy(route: string, allowMethods: readonly string[]): object {
  const cors = { allowOrigins: [origin], allowMethods, exposeHeaders: [`x-of-${route}`] };
  return policy('SecurityPolicy', route, { cors, extAuth: { grpc: authz } });
}

/** Three requests an hour of those that name the bucket, one second each, and 503 is tried again. */
function trafficPolicy(route: string, retried: readonly number[] = [503]): object {
  const clientSelectors = [{ headers: [{ name: 'x-bucket', value: route }] }];
  const rules = [{ clientSelectors, limit: { requests: 3, unit: 'Hour' } }];
  return policy('BackendTrafficPolicy', route, {
    rateLimit: { type: 'Local', local: { rules } },
    timeout: { http: { requestTimeout: '1s' } },
    retry: {
      numRetries: 2,
      retryOn: { triggers: ['retriable-status-codes'], httpStatusCodes: retried },
      perRetry: { backOff: { baseInterval: '10ms', maxInterval: '20ms' } },
    },
  });
}

describe('the fallback, with the policies of Envoy Gateway on both routes', () => {
  let authorization: AuthorizationService;
  let matrix: Matrix;

  beforeAll(async () => {
    authorization = await startAuthorizationService(AUTHORIZATION);
    matrix = await startMatrix({
      vms: ['vm', 'bare', 'retries-303', 'retries-404'],
      apiFilters: [
        '{ type: URLRewrite, urlRewrite: { hostname: control-plane.internal, path: { type: ReplaceFullPath, replaceFullPath: /api } } }',
        '{ type: RequestHeaderModifier, requestHeaderModifier: { set: [{ name: x-for-the-api, value: "1" }] } }',
      ],
      resources: [
        parse(http2BackendYaml('authz', authorization.port)),
        securityPolicy('vm', ['GET']),
        securityPolicy('api', ['GET', 'DELETE']),
        trafficPolicy('vm'),
        trafficPolicy('api'),
        trafficPolicy('retries-303', [303]),
        trafficPolicy('retries-404', [404]),
      ],
    });
  });
  afterAll(async () => {
    await matrix?.stop();
    authorization?.stop();
  });
  beforeEach(() => {
    matrix.vm.take();
    matrix.controlPlane.take();
    authorization.takePaths();
  });

  type Question = Omit<Sent, 'port' | 'host'> & { readonly to?: string };
  const ask = ({ to = 'vm', headers, ...sent }: Question, port = matrix.listeners.fallback) =>
    sendHttp1({
      host: hostOf(to),
      port,
      ...sent,
      headers: { authorization: AUTHORIZATION, ...headers },
    });
  const callsSince = () => [matrix.vm.take().length, matrix.controlPlane.take().length];

  it('runs the response filters of the route that answers: CORS, response headers', async () => {
    const session = newSession();
    const headers = { ...gone, origin };
    const live = await ask({ path: eventsOf(session), headers: { origin } });
    expect(valuesOf(live, 'access-control-expose-headers')).toEqual(['x-of-vm']);
    expect(valuesOf(live, 'x-route')).toEqual(['vm']);
    for (const to of ['vm', 'bare']) {
      const replayed = await ask({ to, path: eventsOf(session), headers });
      expect(valuesOf(replayed, 'access-control-allow-origin')).toEqual([origin]);
      expect(valuesOf(replayed, 'access-control-expose-headers')).toEqual(['x-of-api']);
      expect(valuesOf(replayed, 'x-route')).toEqual(['api']);
    }
  });

  it('lets the route answer preflights that serves the session', async () => {
    const session = newSession();
    const headers = { origin, 'access-control-request-method': 'GET' };
    const preflight = () => ask({ method: 'OPTIONS', path: eventsOf(session), headers });
    expect(valuesOf(await preflight(), 'access-control-allow-methods')).toEqual(['GET']);
    await ask({ path: eventsOf(session), headers: gone });
    expect(callsSince()).toEqual([1, 1]);
    expect(valuesOf(await preflight(), 'access-control-allow-methods')).toEqual(['GET, DELETE']);
    expect(callsSince()).toEqual([0, 0]);
  });

  it('keeps the header filters and the host rewrite of the control plane’s route, not its path', async () => {
    const path = `${eventsOf(newSession())}?a=1`;
    await ask({ path, headers: gone }, matrix.listeners.direct);
    await ask({ path, headers: gone });
    await ask({ path, method: 'DELETE' });
    const asked = matrix.controlPlane.take();
    expect(asked.map((request) => request.path)).toEqual(['/api?a=1', path, path]);
    for (const { headers } of asked) {
      const lines = linesOf(headers);
      expect(lines).toEqual(
        expect.arrayContaining(['host: control-plane.internal', 'x-for-the-api: 1']),
      );
      expect(lines.filter((line) => line.startsWith('x-only-for-the-vm'))).toEqual([]);
    }
  });

  it('asks the external authorisation once for each pass, with the client’s URL', async () => {
    const path = eventsOf(newSession());
    await ask({ path: `${path}?jwt=own`, headers: gone });
    expect(authorization.takePaths()).toEqual([`${path}?jwt=own`, path]);
    await ask({ path: `${path}?jwt=own`, headers: gone });
    expect(authorization.takePaths()).toEqual([path]);
    await ask({ path: eventsOf(newSession()) });
    expect(authorization.takePaths()).toHaveLength(1);
  });

  it('asks nobody when the external authorisation refuses', async () => {
    const refused = { ...gone, authorization: 'Bearer of-somebody-else' };
    const path = eventsOf(newSession());
    expect((await ask({ path, headers: refused })).status).toBe(403);
    expect(callsSince()).toEqual([0, 0]);
    await ask({ path, headers: gone });
    expect(callsSince()).toEqual([1, 1]);
    expect((await ask({ path, headers: refused })).status).toBe(403);
    expect(callsSince()).toEqual([0, 0]);
  });

  it('spends a token of each route’s limit, and each added route has a bucket of its own', async () => {
    const statuses = async (count: number, question: () => Question) => {
      const all: number[] = [];
      for (let n = 0; n < count; n++) all.push((await ask(question())).status);
      return all;
    };
    const live = { headers: { 'x-bucket': 'vm' } };
    expect(await statuses(4, () => ({ ...live, path: eventsOf(newSession()) }))).toEqual([
      200, 200, 200, 429,
    ]);
    expect(
      await statuses(4, () => ({ ...live, path: `/browsers/${newSession()}/process` })),
    ).toEqual([200, 200, 200, 429]);
    expect(callsSince()).toEqual([6, 0]);
    const limited = { headers: { ...gone, 'x-bucket': 'api' } };
    const session = newSession();
    await ask({ path: eventsOf(session), headers: gone });
    callsSince();
    expect(await statuses(4, () => ({ ...limited, path: eventsOf(newSession()) }))).toEqual([
      200, 200, 200, 429,
    ]);
    expect(callsSince()).toEqual([4, 3]);
    expect(await statuses(4, () => ({ ...limited, path: eventsOf(session) }))).toEqual([
      200, 200, 200, 429,
    ]);
    expect(callsSince()).toEqual([0, 3]);
  });

  it('retries each pass as its own route says', async () => {
    const path = eventsOf(newSession());
    const flaky = { 'x-case': '503, then gone', 'x-control-plane': '503, then fine' };
    const answer = await ask({ path, headers: flaky });
    expect([answer.status, answer.body.toString()]).toEqual([200, 'fine']);
    expect(callsSince()).toEqual([2, 2]);
  });

  it.each([
    ['retries-303', 3],
    ['retries-404', 1],
  ])('falls back after the retries of a VM’s route, which sees 303: %s', async (to, calls) => {
    const answer = await ask({ to, path: eventsOf(newSession()), headers: gone });
    expect(answer.body.toString()).toBe('control plane');
    expect(callsSince()).toEqual([calls, 1]);
  });

  it.each([
    ['starts anew for each pass', { vm: 700, controlPlane: 700 }, 200, [1, 1]],
    ['ends the first pass without a fallback', { vm: 1_500, controlPlane: 0 }, 504, [1, 0]],
    ['ends the second pass', { vm: 0, controlPlane: 1_500 }, 504, [1, 1]],
  ] as const)('has a timeout that %s', async (_, { vm, controlPlane }, status, calls) => {
    const delays = { 'x-vm-delay': String(vm), 'x-control-plane-delay': String(controlPlane) };
    const answer = await ask({ path: eventsOf(newSession()), headers: { ...gone, ...delays } });
    expect(answer.status).toBe(status);
    expect(callsSince()).toEqual(calls);
  });
});
