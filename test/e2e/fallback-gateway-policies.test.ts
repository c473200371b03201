import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type RunningAuthentication,
  startAuthentication,
  type User,
  users,
} from './support/authentication-kinds.ts';
import { backendYaml } from './support/example-resources.ts';
import { ask, eventsOf } from './support/fallback-kernel/ask.ts';
import { startControlPlane, startVm } from './support/fallback-matrix/servers.ts';
import { type FallbackScene, startFallbackScene } from './support/fallback-scene.ts';
import { freePort } from './support/free-ports.ts';
import {
  gatewayClassYaml,
  listenersYaml,
  mergedGateways,
  servedPathYaml,
} from './support/scene-resources.ts';
import { policyYaml } from './support/security-policies.ts';

/** At the first host the VM’s route has no policy of its own; at the second it lets in Bob. */
const HOST = 'gateway.test';
const OWN_HOST = 'own.test';
const gone = { 'x-case': 'with a length' };

const kinds = ['basic', 'jwt', 'ext-authz', 'api-key'];
const clients: readonly (User | undefined)[] = [undefined, ...users];

describe('policies of whole Gateways, which one Envoy serves', () => {
  const ports = new Map<string, number>();
  let authentication: RunningAuthentication;
  let scene: FallbackScene;

  beforeAll(async () => {
    for (const name of [...kinds, 'traffic', 'bare']) ports.set(name, await freePort());
    authentication = await startAuthentication();
    scene = await startFallbackScene({
      optedIn: ['vm', ...kinds.map((kind) => `own-${kind}`)],
      servers: async () => ({ vm: await startVm(), controlPlane: await startControlPlane() }),
      resources: ({ vm, controlPlane }) => [
        gatewayClassYaml(mergedGateways),
        ...[...ports].map(([name, port]) => listenersYaml([{ name: 'http', port }], name)),
        backendYaml('vm', vm.port),
        backendYaml('api', controlPlane.port),
        ...routeResources(),
        ...authentication.resources,
        ...kinds.flatMap((name) => [
          policyYaml('SecurityPolicy', { kind: 'Gateway', name }, kindNamed(name).letIn('ada')),
          policyYaml(
            'SecurityPolicy',
            { kind: 'HTTPRoute', name: `own-${name}` },
            kindNamed(name).letIn('bob'),
          ),
        ]),
        policyYaml('BackendTrafficPolicy', { kind: 'Gateway', name: 'traffic' }, traffic),
      ],
    });
  });
  afterAll(async () => {
    await scene?.stop();
    authentication?.stop();
  });
  beforeEach(() => {
    scene.reached();
  });

  function routeResources(): string[] {
    const all = [...ports.keys()];
    const at = (gateways: readonly string[]) => gateways.map((gateway) => `${gateway}/http`);
    const closed = at(all.filter((name) => name !== 'bare'));
    const toVm = { path: '/browsers', backend: 'vm' };
    const toApi = { path: '/', backend: 'api' };
    return [
      servedPathYaml('api', { listeners: closed, hosts: [HOST, OWN_HOST], ...toApi }),
      servedPathYaml('vm', { listeners: at(all), hosts: [HOST], ...toVm }),
      ...kinds.map((kind) =>
        servedPathYaml(`own-${kind}`, { listeners: at([kind]), hosts: [OWN_HOST], ...toVm }),
      ),
    ];
  }

  function kindNamed(name: string) {
    const kind = authentication.kinds.find((one) => one.name === name);
    if (kind === undefined) throw new Error(`no kind ${name}`);
    return kind;
  }

  interface Asked {
    readonly at: string;
    readonly path: string;
    readonly host?: string;
    readonly as?: User | undefined;
    readonly headers?: Readonly<Record<string, string>>;
  }

  /** The status, and how many requests reached the VM and the control plane. */
  async function outcome({ at, path, host = HOST, as, headers = gone }: Asked) {
    const credentials = as === undefined ? {} : kindNamed(at).credentials(as);
    const question = { path, headers: { host, ...headers, ...credentials } };
    const { status } = await ask(ports.get(at) ?? 0, question);
    return [status, ...scene.reached()];
  }

  describe.each(kinds)('%s for the Gateway', (at) => {
    const refused = () => [kindNamed(at).refusal, 0, 0];

    it.each(clients)('is asked where the routes have none: %s', async (as) => {
      const session = randomUUID();
      const path = eventsOf(session);
      expect(await outcome({ at, path, as })).toEqual(as === 'ada' ? [200, 1, 1] : refused());
      await outcome({ at, path, as: 'ada' });
      expect(await outcome({ at, path, as })).toEqual(as === 'ada' ? [200, 0, 1] : refused());
    });

    it.each(clients)('is asked by the control plane behind a VM’s own policy: %s', async (as) => {
      const session = randomUUID();
      const asked = { at, host: OWN_HOST, path: eventsOf(session) };
      const onlyVm = [kindNamed(at).refusal, 1, 0];
      expect(await outcome({ ...asked, as })).toEqual(as === 'bob' ? onlyVm : refused());
      await outcome({ ...asked, as: 'bob' });
      expect(await outcome({ ...asked, as })).toEqual(as === 'ada' ? [200, 0, 1] : refused());
    });
  });

  it('is no way around them that another Gateway without any has the VM’s route', async () => {
    const session = randomUUID();
    const path = eventsOf(session);
    await outcome({ at: 'basic', path, as: 'ada' });
    expect(await outcome({ at: 'bare', path })).toEqual([404, 1, 0]);
    const skip = scene.skips().find((text) => text.includes('default/bare/http '));
    expect(skip).toContain('control-plane-authentication');
  });

  describe('a BackendTrafficPolicy', () => {
    const at = 'traffic';

    const send = (headers: Readonly<Record<string, string>>) =>
      outcome({ at, path: eventsOf(randomUUID()), headers: { ...gone, ...headers } });

    it('limits each pass by a bucket of its own', async () => {
      const seen = [];
      for (let count = 0; count < 4; count++) seen.push(await send({ 'x-bucket': 'a' }));
      const through = [200, 1, 1];
      expect(seen).toEqual([through, through, through, [429, 0, 0]]);
    });

    it.each([
      ['retries the VM', { 'x-case': '503, then gone' }, [200, 2, 1]],
      ['times each pass', { 'x-vm-delay': '700', 'x-control-plane-delay': '700' }, [200, 1, 1]],
      ['ends a pass that is late', { 'x-vm-delay': '1300' }, [504, 1, 0]],
    ])('%s', async (_, headers, expected) => {
      expect(await send(headers)).toEqual(expected);
    });

    it.each([
      ['a live session’s', { 'x-case': 'another code' }],
      ['the control plane’s', { 'x-control-plane': 'gone' }],
    ])(
      'replaces a 404 that reaches the client, and not the one that falls back: %s',
      async (_, wishes) => {
        const question = {
          path: eventsOf(randomUUID()),
          headers: { host: HOST, ...gone, ...wishes },
        };
        expect(await ask(ports.get(at) ?? 0, question)).toMatchObject({
          status: 404,
          body: 'not here',
        });
        scene.reached();
        expect(await send({})).toEqual([200, 1, 1]);
      },
    );
  });
});

/** Three requests an hour of those that name a bucket, a second for each, and words for each 404. */
const traffic = {
  rateLimit: {
    type: 'Local',
    local: {
      rules: [
        {
          clientSelectors: [{ headers: [{ name: 'x-bucket', value: 'a' }] }],
          limit: { requests: 3, unit: 'Hour' },
        },
      ],
    },
  },
  timeout: { http: { requestTimeout: '1s' } },
  retry: {
    numRetries: 2,
    retryOn: { triggers: ['retriable-status-codes'], httpStatusCodes: [503] },
    perRetry: { backOff: { baseInterval: '10ms', maxInterval: '20ms' } },
  },
  responseOverride: [
    {
      match: { statusCodes: [{ type: 'Value', value: 404 }] },
      response: { contentType: 'text/plain', body: { type: 'Inline', inline: 'not here' } },
    },
  ],
};
