import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Certificate, makeCertificate } from './support/certificate.ts';
import { backendYaml } from './support/example-resources.ts';
import { eventsOf } from './support/fallback-kernel/ask.ts';
import { comparable, type Send, sendHttp1, sendHttp2 } from './support/fallback-matrix/exchange.ts';
import { type FallbackScene, startFallbackScene } from './support/fallback-scene.ts';
import { freePort } from './support/free-ports.ts';
import {
  gatewayClassYaml,
  listenersYaml,
  servedPathYaml,
  tlsSecretYaml,
} from './support/scene-resources.ts';
import { policyYaml, secretYaml } from './support/security-policies.ts';

const HOST = 'gateway.test';
const OPEN_HOST = 'open.test';
const gone = { 'x-case': 'gone' };

/** The ClientTrafficPolicy of a listener; `shared-port` has the port of `strict`. */
const policyOf = {
  strict: 'staff',
  'strict-too': 'staff',
  'other-ca': 'robots',
  'other-policy': 'staff-again',
  'shared-port': undefined,
  'own-port': undefined,
} as const;
type ListenerName = keyof typeof policyOf;
const names = Object.keys(policyOf).filter((name): name is ListenerName => name in policyOf);
/** Each policy, with the Secret of its CA. */
const policies = { staff: 'staff', robots: 'robots', 'staff-again': 'staff' } as const;
const served: Readonly<Record<string, string>> = { 'shared-port': OPEN_HOST };

describe('a control plane whose listener demands client certificates', () => {
  const ports = new Map<ListenerName, number>();
  let server: Certificate;
  let clients: Readonly<Record<'staff' | 'robots' | 'stranger', Certificate>>;
  let scene: FallbackScene;

  beforeAll(async () => {
    for (const name of names) ports.set(name, await freePort());
    ports.set('shared-port', portOf('strict'));
    server = await makeCertificate(HOST, OPEN_HOST);
    clients = {
      staff: await makeCertificate('staff.test'),
      robots: await makeCertificate('robots.test'),
      stranger: await makeCertificate('staff.test'),
    };
    scene = await startFallbackScene({
      optedIn: ['vm', 'vm-open'],
      resources: ({ vm, controlPlane }) => [
        ...gatewayResources(),
        backendYaml('vm', vm.port),
        backendYaml('api', controlPlane.port),
        // In front of the control plane stands the strict listener, and no other.
        routeYaml('api', ['strict'], '/'),
        routeYaml(
          'vm',
          ['strict', 'strict-too', 'other-ca', 'other-policy', 'own-port'],
          '/browsers',
        ),
        routeYaml('vm-open', ['shared-port'], '/browsers'),
      ],
    });
  });
  afterAll(async () => {
    await scene?.stop();
  });
  beforeEach(() => {
    scene.reached();
  });

  function gatewayResources(): string[] {
    const listeners = [...ports].map(([name, port]) => ({
      name,
      port,
      hostname: served[name] ?? HOST,
      secret: 'server',
    }));
    return [
      gatewayClassYaml(),
      listenersYaml(listeners),
      tlsSecretYaml('server', server),
      secretYaml('staff', { 'ca.crt': clients.staff.cert }),
      secretYaml('robots', { 'ca.crt': clients.robots.cert }),
      ...Object.entries(policies).map(([policy, secret]) => certificatePolicyYaml(policy, secret)),
    ];
  }

  function routeYaml(name: string, listeners: readonly ListenerName[], path: string): string {
    const hosts = listeners.map((listener) => served[listener] ?? HOST);
    const backend = name === 'api' ? 'api' : 'vm';
    return servedPathYaml(name, { listeners, hosts: [...new Set(hosts)], path, backend });
  }

  function portOf(name: ListenerName): number {
    return ports.get(name) ?? 0;
  }

  interface Asked {
    readonly at: ListenerName;
    readonly as?: keyof typeof clients;
    readonly path?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly send?: Send;
  }

  /** The status, and how many requests reached the VM and the control plane; 0 without an answer. */
  async function outcome(asked: Asked): Promise<readonly number[]> {
    const { at, as, path = eventsOf(randomUUID()), headers = gone, send = sendHttp1 } = asked;
    const host = served[at] ?? HOST;
    const client = as === undefined ? {} : { client: clients[as] };
    const to = { port: portOf(at), host, ca: server.cert, ...client };
    const answer = await send({ ...to, path, headers }).catch(() => ({ status: 0 }));
    return [answer.status, ...scene.reached()];
  }

  it.each([
    ['HTTP/1.1', sendHttp1],
    ['HTTP/2', sendHttp2],
  ])('is asked for clients of that listener that have one: %s', async (_, send) => {
    const session = randomUUID();
    const shown = { at: 'strict', as: 'staff', send } as const;
    expect(await outcome({ ...shown, path: eventsOf(session) })).toEqual([200, 1, 1]);
    const remembered = { ...shown, path: `/browsers/${session}/x`, headers: {} };
    expect(await outcome(remembered)).toEqual([200, 0, 1]);
  });

  it('is asked through another listener that demands the same by the same policy', async () => {
    const session = randomUUID();
    const shown = { at: 'strict-too', as: 'staff', path: eventsOf(session) } as const;
    expect(await outcome(shown)).toEqual([200, 1, 1]);
    expect(await outcome({ ...shown, at: 'strict' })).toEqual([200, 0, 1]);
    expect(await outcome({ at: 'strict-too', path: shown.path })).toEqual([0, 0, 0]);
  });

  it.each([undefined, 'robots', 'stranger'] as const)(
    'is reached by nobody else, nor is the VM: %s',
    async (as) => {
      const session = randomUUID();
      const shown = as === undefined ? {} : { as };
      await outcome({ at: 'strict', as: 'staff', path: eventsOf(session) });
      for (const path of [eventsOf(session), eventsOf(randomUUID())]) {
        expect(await outcome({ at: 'strict', ...shown, path })).toEqual([0, 0, 0]);
      }
    },
  );

  it('is told once of the certificate, as in a request that goes there straight', async () => {
    const to = { port: portOf('strict'), host: HOST, ca: server.cert, client: clients.staff };
    const headers = { ...gone, 'x-forwarded-client-cert': 'By=the-client;DNS=root.test' };
    const session = randomUUID();
    await sendHttp1({ ...to, path: eventsOf(session), headers });
    await sendHttp1({ ...to, path: eventsOf(session), headers });
    await sendHttp1({ ...to, path: '/straight', headers });
    const seen = scene.controlPlane.take().map((request) => comparable(request).headers);
    expect(seen).toHaveLength(3);
    expect(seen[0]?.filter((line) => line.includes('DNS=staff.test'))).toHaveLength(1);
    expect(seen.map((lines) => lines.toSorted())).toEqual(seen.map(() => seen[2]?.toSorted()));
  });

  describe.each([
    ['demands none, at a port of its own', 'own-port', [undefined, 'staff']],
    ['demands none, at the port of the strict one', 'shared-port', [undefined, 'staff']],
    ['demands those of another CA', 'other-ca', ['robots']],
    ['demands the same by a policy of its own', 'other-policy', ['staff']],
  ] as const)('gets nothing from a listener that %s', (_, at, shown) => {
    it.each(shown)('%s', async (as) => {
      const session = randomUUID();
      await outcome({ at: 'strict', as: 'staff', path: eventsOf(session) });
      const client = as === undefined ? {} : { as };
      expect(await outcome({ at, ...client, path: eventsOf(session) })).toEqual([404, 1, 0]);
      const further = { path: `/browsers/${session}/x`, headers: {} };
      expect(await outcome({ at, ...client, ...further })).toEqual([200, 1, 0]);
    });

    it('and the reason is reported', () => {
      const ofListener = scene.skips().filter((skip) => skip.includes(`default/eg/${at} `));
      expect(ofListener.join('\n')).toContain('control-plane-authentication');
      expect(ofListener.join('\n')).toContain('ask for client certificates');
    });
  });

  it('does not serve its host on a connection that was opened for another', async () => {
    const to = { port: portOf('shared-port'), ca: server.cert, path: eventsOf(randomUUID()) };
    const answer = await sendHttp1({ ...to, host: OPEN_HOST, headers: { ...gone, host: HOST } });
    expect([answer.status, ...scene.reached()]).toEqual([404, 0, 0]);
  });
});

/** Demands certificates of a CA at all listeners that the policy is for. */
function certificatePolicyYaml(policy: string, secret: string): string {
  const listeners = names.filter((name) => policyOf[name] === policy);
  const gateway = { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'eg' };
  return policyYaml(
    'ClientTrafficPolicy',
    { kind: 'Gateway', name: policy },
    {
      targetRefs: listeners.map((sectionName) => ({ ...gateway, sectionName })),
      tls: { clientValidation: { caCertificateRefs: [{ name: secret }] } },
      headers: { xForwardedClientCert: { mode: 'AppendForward', certDetailsToAdd: ['DNS'] } },
    },
  );
}
