import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import {
  type AuthorizationService,
  startAuthorizationService,
} from './support/authorization-service.ts';
import { basicCredentials, htpasswdLine, makeTokenIssuer } from './support/credentials.ts';
import { backendYaml, gatewayYaml, httpRouteYaml } from './support/example-resources.ts';
import { recommendedExtensionManager } from './support/extension-manager.ts';
import { freePort } from './support/free-ports.ts';
import { type RunningGateway, startGateway } from './support/gateway.ts';
import { type OfframpProcess, startOfframpProcess } from './support/offramp.ts';
import { requestThroughConnect } from './support/request-through-connect.ts';
import {
  backendRef,
  type PolicyTarget,
  policyYaml,
  secretYaml,
} from './support/security-policies.ts';
import { sendRequest } from './support/send-request.ts';
import { proxyWithTunnelListener } from './support/tunnel-listener.ts';
import { startHttpUpstream, type Upstream } from './support/upstreams.ts';

type Headers = Readonly<Record<string, string>>;

const { issuer, keySet, token } = makeTokenIssuer();
const bearer = { authorization: `Bearer ${token}` };
const pass = { authorization: 'let-me-in' };
const jwt = {
  providers: [{ name: 'tests', issuer, localJWKS: { type: 'Inline', inline: keySet } }],
};

/** What a SecurityPolicy says, how it refuses, and what it lets pass. */
const policies: readonly { name: string; spec: object; refusal: number; credentials: Headers }[] = [
  { name: 'jwt', spec: { jwt }, refusal: 401, credentials: bearer },
  {
    name: 'authz',
    spec: { extAuth: { http: { backendRefs: [backendRef('authz')] } } },
    refusal: 403,
    credentials: pass,
  },
  {
    name: 'grpc-authz',
    spec: { extAuth: { grpc: { backendRefs: [backendRef('grpc-authz')] } } },
    refusal: 403,
    credentials: pass,
  },
  {
    name: 'api-key',
    spec: apiKeys('api-keys'),
    refusal: 401,
    credentials: { 'x-api-key': 'open-sesame' },
  },
  {
    name: 'basic',
    spec: { basicAuth: { users: { name: 'users' } } },
    refusal: 401,
    credentials: { authorization: basicCredentials('ada', 'lovelace') },
  },
  {
    name: 'rbac',
    spec: {
      authorization: {
        defaultAction: 'Deny',
        rules: [
          { action: 'Allow', principal: { headers: [{ name: 'x-role', values: ['admin'] }] } },
        ],
      },
    },
    refusal: 403,
    credentials: { 'x-role': 'admin' },
  },
];
/** Envoy takes any answer of an HTTP/1.1 service to a CONNECT request for a refusal. */
const connectable = policies.filter(({ name }) => name !== 'authz');
const oidc = {
  provider: {
    issuer,
    authorizationEndpoint: `${issuer}/authorize`,
    tokenEndpoint: `${issuer}/token`,
  },
  clientID: 'tests',
  clientSecret: { name: 'oidc' },
};

describe('a SecurityPolicy on the route to a connector', () => {
  let direct: Upstream;
  let tunnelled: Upstream;
  let httpAuthz: Upstream;
  let grpcAuthz: AuthorizationService;
  let port: number;
  let offramp: OfframpProcess;
  let gateway: RunningGateway;

  beforeAll(async () => {
    direct = await startHttpUpstream('direct');
    tunnelled = await startHttpUpstream('tunnelled');
    httpAuthz = await startHttpUpstream('authz', (request, response) => {
      response.writeHead(request.headers.authorization === pass.authorization ? 200 : 403).end();
    });
    grpcAuthz = await startAuthorizationService(pass.authorization);
    port = await freePort();
    const names = [...policies.map(({ name }) => name), 'oidc', 'buffered'];
    const claim = (state: string) => names.map((name) => routeOf(`${name}-${state}`));
    const tunnel = { host: 'localhost', port: 8080, endpointId: '4f1c0a' };
    offramp = await startOfframpProcess({
      connectors: [
        { name: 'berlin', online: false, routes: claim('offline') },
        {
          name: 'oslo',
          online: true,
          tunnel,
          routes: [...claim('online'), routeOf('half-open'), routeOf('two-keys')],
        },
      ],
    });
    gateway = await startGateway({
      resources: makeResources(names).join('---\n'),
      extensionManager: recommendedExtensionManager({ host: '127.0.0.1', port: offramp.port }),
      configuration: { envoyProxy: proxyWithTunnelListener(tunnelled.port) },
    });
  });

  afterAll(async () => {
    await gateway?.stop();
    await offramp?.stop();
    for (const upstream of [direct, tunnelled, httpAuthz]) await upstream?.stop();
    grpcAuthz?.stop();
  });

  const statuses = async (host: string, headers: Headers = {}) => {
    const handshake = { connection: 'Upgrade', upgrade: 'websocket', ...webSocketHeaders };
    const get = await sendRequest({ port, host, headers });
    const webSocket = await sendRequest({ port, host, headers: { ...headers, ...handshake } });
    const connect = await sendRequest({ port, host, headers, method: 'CONNECT' });
    return { get: get.status, webSocket: webSocket.status, connect: connect.status };
  };
  const refused = (status: number) => ({ get: status, webSocket: status, connect: status });

  it.each(policies)('$name refuses a client without credentials', async ({ name, refusal }) => {
    tunnelled.reset();
    expect(await statuses(`${name}-offline.example.com`)).toEqual(refused(refusal));
    expect(await statuses(`${name}-online.example.com`)).toEqual(refused(refusal));
    expect(tunnelled.connectionCount()).toBe(0);
  });

  it.each(policies)('$name lets a client in, to hear that it is offline', async (policy) => {
    const host = `${policy.name}-offline.example.com`;
    const headers = policy.credentials;
    const get = await sendRequest({ port, host, headers });
    expect(get).toMatchObject({ status: 503, body: 'Tunnel not online' });
    const { webSocket } = await statuses(host, headers);
    expect(webSocket).toBe(503);
  });

  it.each(policies)('$name lets a client in, into the tunnel', async ({ name, credentials }) => {
    const host = `${name}-online.example.com`;
    const get = await sendRequest({ port, host, headers: credentials });
    expect(get).toMatchObject({ status: 200, body: 'tunnelled\n' });
  });

  it.each(connectable)('$name lets CONNECT in', async ({ name, credentials }) => {
    const host = `${name}-offline.example.com`;
    const offline = await sendRequest({ port, host, headers: credentials, method: 'CONNECT' });
    expect(offline).toMatchObject({ status: 503, body: 'Tunnel not online' });
    const online = { port, host: `${name}-online.example.com`, headers: credentials };
    expect(await requestThroughConnect(online)).toBe('tunnelled\n');
  });

  it('of an HTTP/1.1 service keeps CONNECT out, whatever the service answers', async () => {
    const host = 'authz-online.example.com';
    const connect = await sendRequest({ port, host, headers: pass, method: 'CONNECT' });
    expect(connect.status).toBe(403);
    const asked = httpAuthz.requests().map(({ method }) => method);
    expect(asked).toContain('CONNECT');
  });

  it.each(['offline', 'online'])('with OIDC sends to sign in, %s', async (state) => {
    const seen = await statuses(`oidc-${state}.example.com`);
    expect(seen).toEqual({ get: 302, webSocket: 302, connect: 400 });
  });

  it('on one rule guards CONNECT too, though another rule comes first', async () => {
    const host = 'half-open.example.com';
    const open = await sendRequest({ port, host, path: '/health' });
    expect(open).toMatchObject({ status: 200, body: 'tunnelled\n' });
    expect(await statuses(host)).toEqual(refused(401));
    expect(await requestThroughConnect({ port, host, headers: bearer })).toBe('tunnelled\n');
  });

  it('that differs from rule to rule leaves no CONNECT, not even for one who may use either', async () => {
    const host = 'two-keys.example.com';
    const own = { 'x-api-key': 'open-sesame' };
    const other = { 'x-api-key': 'open-barley' };
    const status = async (path: string, headers: Headers) =>
      (await sendRequest({ port, host, path, headers })).status;
    expect([await status('/health', own), await status('/', own)]).toEqual([200, 401]);
    expect([await status('/health', other), await status('/', other)]).toEqual([401, 200]);
    for (const headers of [own, other]) {
      expect((await sendRequest({ port, host, headers, method: 'CONNECT' })).status).toBe(404);
    }
  });

  it('does not make CONNECT wait for a request buffer', async () => {
    const host = 'buffered-offline.example.com';
    const offline = await sendRequest({ port, host, method: 'CONNECT' });
    expect(offline).toMatchObject({ status: 503, body: 'Tunnel not online' });
    const through = await requestThroughConnect({ port, host: 'buffered-online.example.com' });
    expect(through).toBe('tunnelled\n');
  });

  it('never has anything reach the backend beside the tunnel', () => {
    expect(direct.connectionCount()).toBe(0);
  });

  function makeResources(names: readonly string[]): string[] {
    const states = ['offline', 'online'];
    const guarded = [...policies, { name: 'oidc', spec: { oidc } }].flatMap(({ name, spec }) =>
      states.map((state) => policyYaml('SecurityPolicy', toRoute(`${name}-${state}`), spec)),
    );
    const requestBuffer = { limit: 1024 };
    return [
      gatewayYaml(port),
      backendYaml('direct', direct.port),
      backendYaml('authz', httpAuthz.port),
      `${backendYaml('grpc-authz', grpcAuthz.port)}  appProtocols: [gateway.envoyproxy.io/h2c]\n`,
      secretYaml('api-keys', { somebody: 'open-sesame' }),
      secretYaml('users', { '.htpasswd': htpasswdLine('ada', 'lovelace') }),
      secretYaml('oidc', { 'client-secret': 'of no use' }),
      ...names.flatMap((name) =>
        states.map((state) => httpRouteYaml(`${name}-${state}`, 'direct')),
      ),
      ...guarded,
      ...states.map((state) =>
        policyYaml('BackendTrafficPolicy', toRoute(`buffered-${state}`), { requestBuffer }),
      ),
      twoRulesYaml('half-open'),
      twoRulesYaml('two-keys'),
      secretYaml('other-keys', { 'somebody-else': 'open-barley' }),
      policyYaml('SecurityPolicy', toRoute('two-keys', 'open'), apiKeys('api-keys')),
      policyYaml('SecurityPolicy', toRoute('two-keys', 'closed'), apiKeys('other-keys')),
      policyYaml('SecurityPolicy', toRoute('half-open', 'closed'), { jwt }),
    ];
  }
});

const webSocketHeaders = {
  'sec-websocket-version': '13',
  'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
};

/** A rule `open` for `/health`, and a rule `closed` for the rest. */
function twoRulesYaml(name: string): string {
  return stringify({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name, namespace: 'default' },
    spec: {
      parentRefs: [{ name: 'eg' }],
      hostnames: [`${name}.example.com`],
      rules: [
        {
          name: 'open',
          matches: [{ path: { type: 'PathPrefix', value: '/health' } }],
          backendRefs: [backendRef('direct')],
        },
        { name: 'closed', backendRefs: [backendRef('direct')] },
      ],
    },
  });
}

function apiKeys(secret: string): object {
  const extractFrom = [{ headers: ['x-api-key'] }];
  return { apiKeyAuth: { credentialRefs: [{ name: secret }], extractFrom } };
}

function toRoute(name: string, sectionName?: string): PolicyTarget {
  return { kind: 'HTTPRoute', name, ...(sectionName === undefined ? {} : { sectionName }) };
}

function routeOf(name: string) {
  return { kind: 'HTTPRoute', name };
}
