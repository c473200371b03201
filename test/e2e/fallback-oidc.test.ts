import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { backendYaml } from './support/example-resources.ts';
import { ask, eventsOf } from './support/fallback-kernel/ask.ts';
import { type FallbackScene, startFallbackScene } from './support/fallback-scene.ts';
import { freePort } from './support/free-ports.ts';
import type { Listening } from './support/listen.ts';
import { makeOidcClient, startTokenEndpoint } from './support/oidc-client.ts';
import { gatewayClassYaml, listenersYaml, servedPathYaml } from './support/scene-resources.ts';
import {
  backendRef,
  type PolicyTarget,
  policyYaml,
  secretYaml,
} from './support/security-policies.ts';

const HOST = 'gateway.test';
const gone = { 'x-case': 'gone' };
const places = ['vm', 'controlPlane'] as const;
type Place = (typeof places)[number];

/** Who asks for a login on which listener, and whose cookies a client then has. */
const asking: Readonly<Record<string, readonly Place[]>> = {
  'vm-only': ['vm'],
  'control-plane-only': ['controlPlane'],
  both: ['vm', 'controlPlane'],
};
const names = Object.keys(asking);
const jars: readonly (readonly Place[])[] = [[], ['vm'], ['controlPlane'], ['vm', 'controlPlane']];
const rows = names.flatMap((at) => jars.map((jar) => ({ at, jar })));

describe('OpenID Connect on the routes of a fallback', () => {
  const ports = new Map<string, number>();
  let provider: Listening;
  let scene: FallbackScene;

  beforeAll(async () => {
    for (const name of names) ports.set(name, await freePort());
    provider = await startTokenEndpoint();
    scene = await startFallbackScene({
      optedIn: names,
      resources: ({ vm, controlPlane }) => [
        gatewayClassYaml(),
        listenersYaml([...ports].map(([name, port]) => ({ name, port }))),
        backendYaml('vm', vm.port),
        backendYaml('api', controlPlane.port),
        backendYaml('provider', provider.port),
        secretYaml('client', { 'client-secret': 'of the tests' }),
        servedPathYaml('api', { listeners: names, hosts: [HOST], path: '/', backend: 'api' }),
        ...names.flatMap((name) => [
          servedPathYaml(name, {
            listeners: [name],
            hosts: [HOST],
            path: '/browsers',
            backend: 'vm',
          }),
          ...policiesOf(name),
        ]),
      ],
    });
  });
  afterAll(async () => {
    await scene?.stop();
    await provider?.stop();
  });
  beforeEach(() => {
    scene.reached();
  });

  const asks = (at: string, place: Place) => asking[at]?.includes(place) === true;

  async function clientWith(at: string, jar: readonly Place[]) {
    const client = makeOidcClient(ports.get(at) ?? 0, HOST);
    const paths = { vm: `/browsers/${randomUUID()}/x`, controlPlane: '/straight' };
    for (const place of jar) if (asks(at, place)) await client.logIn(paths[place]);
    scene.reached();
    return client;
  }

  /** The status, and how many requests reached the VM and the control plane. */
  async function outcome(at: string, path: string, headers: Readonly<Record<string, string>>) {
    const { status } = await ask(ports.get(at) ?? 0, { path, headers: { host: HOST, ...headers } });
    return [status, ...scene.reached()];
  }

  it.each(rows)('asks for a login in each pass: $at, logged in at $jar', async ({ at, jar }) => {
    const passes = (place: Place) => !asks(at, place) || jar.includes(place);
    const client = await clientWith(at, jar);
    const seen = await outcome(at, eventsOf(randomUUID()), { ...gone, ...client.cookies() });
    const reachesBoth = passes('controlPlane') ? [200, 1, 1] : [302, 1, 0];
    expect(seen).toEqual(passes('vm') ? reachesBoth : [302, 0, 0]);
  });

  it.each(rows)(
    'asks for the control plane’s login only once a session is gone: $at, $jar',
    async ({ at, jar }) => {
      const session = randomUUID();
      const both = await clientWith(at, places);
      await outcome(at, eventsOf(session), { ...gone, ...both.cookies() });
      const client = await clientWith(at, jar);
      const seen = await outcome(at, `/browsers/${session}/x`, client.cookies());
      const passes = !asks(at, 'controlPlane') || jar.includes('controlPlane');
      expect(seen).toEqual(passes ? [200, 0, 1] : [302, 0, 0]);
    },
  );

  it('leads back from the login that a fallback asks for to the control plane', async () => {
    const at = 'control-plane-only';
    const path = eventsOf(randomUUID());
    expect(await outcome(at, path, gone)).toEqual([302, 1, 0]);
    const client = makeOidcClient(ports.get(at) ?? 0, HOST);
    await client.logIn(path);
    expect(await outcome(at, path, { ...gone, ...client.cookies() })).toEqual([200, 0, 1]);
  });
});

function policiesOf(name: string): string[] {
  const open = { authorization: { defaultAction: 'Allow' } };
  const ofVm = { kind: 'HTTPRoute', name } as const;
  const ofListener = { kind: 'Gateway', name: 'eg', sectionName: name } as const;
  const asked = asking[name] ?? [];
  return [
    asked.includes('vm')
      ? oidcYaml(ofVm, '/browsers/oauth2/callback')
      : policyYaml('SecurityPolicy', ofVm, open),
    ...(asked.includes('controlPlane') ? [oidcYaml(ofListener, '/oauth2/callback')] : []),
  ];
}

/**
 * A standalone Envoy Gateway knows no identities after which it would name cookies, so these names are given.
 * The HMAC’s has to be common, so the tokens are alike and not encrypted.
 */
function oidcYaml(target: PolicyTarget, callback: string): string {
  const oidc = {
    provider: {
      issuer: 'http://provider.test',
      authorizationEndpoint: 'http://provider.test/authorize',
      tokenEndpoint: 'http://provider.test/token',
      backendRefs: [backendRef('provider')],
    },
    clientID: 'tests',
    clientSecret: { name: 'client' },
    redirectURL: `http://${HOST}${callback}`,
    logoutPath: `${callback}/logout`,
    cookieNames: { accessToken: `access-of-${target.kind}`, idToken: `id-of-${target.kind}` },
    disableTokenEncryption: true,
  };
  return policyYaml('SecurityPolicy', target, { oidc });
}
