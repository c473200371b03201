import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { basicCredentials, htpasswdLine, makeTokenIssuer } from './support/credentials.ts';
import { backendYaml } from './support/example-resources.ts';
import { ask, eventsOf } from './support/fallback-kernel/ask.ts';
import type { WholeRequest } from './support/fallback-kernel/servers.ts';
import { linesOf } from './support/fallback-matrix/exchange.ts';
import { openWebSocket } from './support/fallback-matrix/web-socket.ts';
import { type FallbackScene, startFallbackScene } from './support/fallback-scene.ts';
import { freePort } from './support/free-ports.ts';
import { gatewayClassYaml, listenersYaml, servedPathYaml } from './support/scene-resources.ts';
import { policyYaml, secretYaml } from './support/security-policies.ts';

const HOST = 'gateway.test';
const { issuer, keySet, token } = makeTokenIssuer();

/** Each SecurityPolicy says in `x-user` who the client is; the last one takes its credentials away. */
const kinds = [
  {
    name: 'basic',
    policy: { basicAuth: { users: { name: 'htpasswd' }, forwardUsernameHeader: 'x-user' } },
    sent: { authorization: basicCredentials('ada', 'of ada') },
    user: 'ada',
    forwarded: true,
  },
  {
    name: 'jwt',
    policy: {
      jwt: {
        providers: [
          {
            name: 'tests',
            issuer,
            localJWKS: { type: 'Inline', inline: keySet },
            claimToHeaders: [{ claim: 'sub', header: 'x-user' }],
          },
        ],
      },
    },
    sent: { authorization: `Bearer ${token}` },
    user: 'tests',
    forwarded: true,
  },
  {
    name: 'api-key',
    policy: {
      apiKeyAuth: {
        credentialRefs: [{ name: 'keys' }],
        extractFrom: [{ headers: ['x-key'] }],
        forwardClientIDHeader: 'x-user',
        sanitize: true,
      },
    },
    sent: { 'x-key': 'of ada' },
    user: 'ada',
    forwarded: false,
  },
] as const;

/** Takes the token where a VM’s injected one is, which a fallback drops. */
const jwtInUrl = {
  name: 'jwt-in-url',
  policy: {
    jwt: {
      providers: [
        {
          name: 'tests',
          issuer,
          localJWKS: { type: 'Inline', inline: keySet },
          extractFrom: { params: ['jwt'] },
        },
      ],
    },
  },
};

const changesForTheVm = {
  type: 'RequestHeaderModifier',
  requestHeaderModifier: {
    set: [{ name: 'authorization', value: 'Bearer of-the-vm' }],
    add: [{ name: 'x-only-for-the-vm', value: '1' }],
  },
};

describe('a control plane by host and port, behind the policies of the VM’s route', () => {
  const ports = new Map<string, number>();
  let scene: FallbackScene;

  beforeAll(async () => {
    ports.set('jwt-in-url', await freePort());
    for (const { name } of kinds) ports.set(name, await freePort());
    scene = await startFallbackScene({
      optedIn: [...ports.keys()],
      controlPlane: ({ controlPlane }) => ({ host: '127.0.0.1', port: controlPlane.port }),
      resources: ({ vm }) => [
        gatewayClassYaml(),
        listenersYaml([...ports].map(([name, port]) => ({ name, port }))),
        backendYaml('vm', vm.port),
        secretYaml('htpasswd', { '.htpasswd': htpasswdLine('ada', 'of ada') }),
        secretYaml('keys', { ada: 'of ada' }),
        ...[...kinds, jwtInUrl].flatMap(({ name, policy }) => [
          servedPathYaml(name, {
            listeners: [name],
            hosts: [HOST],
            path: '/browsers',
            backend: 'vm',
            filters: [changesForTheVm],
          }),
          policyYaml('SecurityPolicy', { kind: 'HTTPRoute', name }, policy),
        ]),
      ],
    });
  });
  afterAll(async () => {
    await scene?.stop();
  });
  beforeEach(() => {
    scene.reached();
  });

  it.each(kinds)('gets the client’s credentials and who it is: $name', async (kind) => {
    const port = ports.get(kind.name) ?? 0;
    const headers = { host: HOST, ...kind.sent, 'x-user': 'forged', 'x-case': 'gone' };
    const session = randomUUID();
    const path = `/browsers/${session}/shell`;
    await ask(port, { path: eventsOf(session), headers });
    await ask(port, { path, method: 'POST', headers });
    await openWebSocket(
      { port, host: HOST, path },
      { ...kind.sent, 'x-user': 'forged' },
      Buffer.from('echo'),
    );
    const asked = scene.controlPlane.take();
    const credentials = Object.entries(kind.sent).map(([name, value]) => `${name}: ${value}`);
    const told = [...(kind.forwarded ? credentials : []), `x-user: ${kind.user}`].toSorted();
    expect(asked.map(identityOf)).toEqual([told, told, told]);
  });

  it('is not asked for a client whose token is the query parameter that is dropped', async () => {
    const port = ports.get('jwt-in-url') ?? 0;
    const session = randomUUID();
    const ways = [eventsOf(session), `/browsers/${session}/x`];
    const outcomes = [];
    for (const path of ways) {
      const headers = { host: HOST, 'x-case': 'gone' };
      const { status } = await ask(port, { path: `${path}?jwt=${token}`, headers });
      outcomes.push([status, ...scene.reached()]);
    }
    expect(outcomes).toEqual([
      [401, 1, 0],
      [401, 0, 0],
    ]);
  });
});

/** What a request says of who sends it, and what only the VM may get. */
function identityOf({ headers }: WholeRequest): string[] {
  const names = /^(authorization|x-user|x-key|x-only-for-the-vm): /;
  return linesOf(headers)
    .filter((line) => names.test(line))
    .toSorted();
}
