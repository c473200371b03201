import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { backendYaml, gatewayYaml } from './support/example-resources.ts';
import { recommendedExtensionManager } from './support/extension-manager.ts';
import { eventsOf } from './support/fallback-kernel/ask.ts';
import { attempts } from './support/forgery-attempts.ts';
import { freePort } from './support/free-ports.ts';
import { type RunningGateway, startGateway } from './support/gateway.ts';
import { type OfframpProcess, startOfframpProcess } from './support/offramp.ts';
import { policyYaml, secretYaml } from './support/security-policies.ts';
import { sendRaw } from './support/send-raw.ts';
import { type Respond, startHttpUpstream, type Upstream } from './support/upstreams.ts';

const answerSchema = z.object({
  status: z.number(),
  headers: z.record(z.string(), z.string()).default({ 'content-type': 'application/json' }),
  body: z.string().default('{"code":"browser_gone"}'),
});

/** A VM that says what its client wants, and refuses upgrades as one that is gone. */
const obey: Respond = ({ headers }, response) => {
  const wanted = headers['x-answer'] ?? (headers.upgrade && '{"status":404}');
  if (wanted === undefined) return void response.writeHead(200).end('vm');
  const answer = answerSchema.parse(JSON.parse(String(wanted)));
  response.writeHead(answer.status, answer.headers).end(answer.body);
};

function routeYaml(name: string, path: string): string {
  return `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${name}, namespace: default }
spec:
  parentRefs: [{ name: eg }]
  rules:
    - matches: [{ path: { type: PathPrefix, value: ${path} } }]
      backendRefs: [{ group: gateway.envoyproxy.io, kind: Backend, name: ${name} }]
`;
}

describe('a forger before and behind the fallback', () => {
  let port: number;
  let servers: readonly Upstream[] = [];
  let offramp: OfframpProcess;
  let gateway: RunningGateway;

  beforeAll(async () => {
    port = await freePort();
    const vm = await startHttpUpstream('vm', obey);
    const controlPlane = await startHttpUpstream('control-plane');
    const secret = await startHttpUpstream('secret');
    servers = [vm, controlPlane, secret];
    const resources = [
      gatewayYaml(port),
      backendYaml('vm', vm.port),
      backendYaml('api', controlPlane.port),
      backendYaml('secret', secret.port),
      routeYaml('vm', '/browsers'),
      routeYaml('api', '/'),
      routeYaml('secret', '/secret'),
      secretYaml('keys', { client: 'open' }),
      policyYaml(
        'SecurityPolicy',
        { kind: 'HTTPRoute', name: 'api' },
        {
          apiKeyAuth: {
            credentialRefs: [{ name: 'keys' }],
            extractFrom: [{ headers: ['x-api-key'] }],
          },
        },
      ),
    ].join('---\n');
    const controlPlaneFallback = {
      routes: [{ name: 'vm' }],
      controlPlane: { cluster: 'httproute/default/api/rule/0' },
    };
    offramp = await startOfframpProcess({}, { controlPlaneFallback });
    const address = { host: '127.0.0.1', port: offramp.port };
    gateway = await startGateway({
      resources,
      extensionManager: recommendedExtensionManager(address),
    });
  });

  afterAll(async () => {
    await gateway?.stop();
    await offramp?.stop();
    for (const server of servers) await server.stop();
  });

  const reset = () => {
    for (const server of servers) server.reset();
  };

  /** What all attempts have in common: nobody ever sees our headers, or reaches what is not the route’s. */
  afterEach(() => {
    const seen = servers.flatMap((server) => server.requests().map(({ headers }) => headers));
    const names = seen.flatMap((headers) => Object.keys(headers));
    expect(names.filter((name) => name.startsWith('x-offramp'))).toEqual([]);
    expect(servers.find(({ name }) => name === 'secret')?.requestCount()).toBe(0);
    reset();
  });

  async function send(lines: readonly string[]) {
    const [line = '', ...headers] = lines;
    const hasHost = headers.some((header) => header.startsWith('host:'));
    const all = [`${line} HTTP/1.1`, ...(hasHost ? [] : ['host: any.test']), ...headers];
    const { status, head } = await sendRaw(port, all);
    expect(head).not.toMatch(/x-offramp/i);
    const asked = servers.flatMap(({ name, requests }) => requests().map(() => name));
    return [status, ...asked].join(' ');
  }

  const fallBack = (session: string) =>
    send([`GET ${eventsOf(session)}`, 'x-answer: {"status":404}', 'x-api-key: open']);

  async function rememberSession(session: string = randomUUID()): Promise<string> {
    expect(await fallBack(session)).toBe('200 vm control-plane');
    reset();
    return session;
  }

  it.each(attempts)('gets nowhere: $what', async ({ lines, outcome }) => {
    const gone = await rememberSession(`a${randomUUID()}`);
    const [line = '', ...headers] = lines({ gone, live: randomUUID() });
    expect(await send([line, ...headers])).toBe(outcome);
    const [vm, controlPlane] = servers;
    for (const { path } of vm?.requests() ?? [])
      expect(path).not.toMatch(new RegExp(`^/browsers/${gone}/`));
    for (const { path } of controlPlane?.requests() ?? []) expect(line).toContain(path);
  });

  it.each([
    ['of 128 bytes', 'i'.repeat(128 - 36), '401'],
    ['of more, which is not remembered', 'i'.repeat(129 - 36), '200 vm'],
    ['of 4,000 bytes', 'i'.repeat(4_000), '200 vm'],
    ['with signs', "!$&'()*+,;=:@-._~", '401'],
    ['with quotes', '%22%27%5B', '401'],
    ['with Lua’s magic', '%25a%5E.*-%24', '401'],
    ['of another alphabet', '%C3%A9%F0%9F%92%A5', '401'],
    ['called like a subresource', 'telemetry', '401'],
  ])('remembers an id %s, or asks the VM each time', async (_, start, outcome) => {
    const session = await rememberSession(start + randomUUID());
    expect(await send([`GET /browsers/${session}/x`])).toBe(outcome);
  });

  it('writes no line of its own into the memory by an id', async () => {
    const live = randomUUID();
    await rememberSession(
      `${randomUUID()}%0A9999999999%20default/vm%20${live}`.replace('/', '%20'),
    );
    expect(await send([`GET /browsers/${live}/x`])).toBe('200 vm');
  });

  it('takes no session for another one with the same hash', async () => {
    const [gone, live] = findCollision('default/vm/browsers/');
    await rememberSession(gone);
    expect(await send([`GET /browsers/${gone}/x`])).toBe('401');
    reset();
    expect(await send([`GET /browsers/${live}/x`])).toBe('200 vm');
  });

  it('takes no subresource for a session', async () => {
    await fallBack('telemetry'); // an earlier run may have had it remembered
    reset();
    expect(await send(['GET /browsers/telemetry/x'])).toBe('401');
    expect(await send(['GET /browsers/telemetry'])).toBe('200 vm');
    reset();
    expect(await send([`GET /browsers/${randomUUID()}/telemetry/events`])).toBe('200 vm');
  });
});

/** Two ids with the same value of the memory’s hash, not only in the same bucket. */
function findCollision(scope: string): readonly [string, string] {
  const seen = new Map<number, string>();
  for (;;) {
    const id = randomUUID();
    let hash = 0;
    for (const byte of Buffer.from(`${scope} ${id}`)) {
      hash = (hash * 12_345_701 + byte) % 16_777_213;
    }
    const other = seen.get(hash);
    if (other !== undefined) return [other, id];
    seen.set(hash, id);
  }
}
