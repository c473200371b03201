import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type AuthenticationKind,
  type RunningAuthentication,
  startAuthentication,
  type User,
  users,
} from './support/authentication-kinds.ts';
import { backendYaml } from './support/example-resources.ts';
import { recommendedExtensionManager } from './support/extension-manager.ts';
import { ask, eventsOf, type Question } from './support/fallback-kernel/ask.ts';
import {
  type RecordingServer,
  startControlPlane,
  startVm,
} from './support/fallback-kernel/servers.ts';
import { freePort } from './support/free-ports.ts';
import { type RunningGateway, startGateway } from './support/gateway.ts';
import { type OfframpProcess, startOfframpProcess } from './support/offramp.ts';
import { gatewayClassYaml, listenersYaml, servedPathYaml } from './support/scene-resources.ts';
import { policyYaml } from './support/security-policies.ts';

interface Setup {
  readonly where: string;
  /** Whom the VM’s route lets in; everybody when it says nothing. */
  readonly vm?: User;
  readonly controlPlane?: User;
  /** The control plane’s route is of another virtual host. */
  readonly apart?: true;
}

const setups: readonly Setup[] = [
  { where: 'vm-only', vm: 'ada' },
  { where: 'control-plane-only', controlPlane: 'ada' },
  { where: 'alike', vm: 'ada', controlPlane: 'ada' },
  { where: 'different', vm: 'ada', controlPlane: 'bob' },
  { where: 'different-hosts', vm: 'ada', controlPlane: 'bob', apart: true },
];
const kindNames = ['basic', 'jwt', 'ext-authz', 'api-key'];
const rows = kindNames.flatMap((kind) => setups.map((setup) => ({ kind, ...setup })));
const listeners = [...rows.map(({ kind, where }) => `${kind}-${where}`), 'bare'];
const HOST = 'gateway.test';

/** Nobody’s credentials, each user’s, and those of two at once where a client can send them. */
const clients: readonly (readonly User[])[] = [[], ...users.map((user) => [user]), ['ada', 'bob']];

describe('a SecurityPolicy beside the control-plane fallback', () => {
  const ports = new Map<string, number>();
  let vm: RecordingServer;
  let controlPlane: RecordingServer;
  let authentication: RunningAuthentication;
  let offramp: OfframpProcess;
  let gateway: RunningGateway;

  beforeAll(async () => {
    vm = await startVm();
    controlPlane = await startControlPlane();
    authentication = await startAuthentication();
    for (const name of listeners) ports.set(name, await freePort());
    offramp = await startOfframpProcess(
      {},
      {
        controlPlaneFallback: {
          routes: listeners.map((name) => ({ name })),
          controlPlane: { cluster: 'httproute/default/api/rule/0' },
        },
      },
    );
    gateway = await startGateway({
      resources: [...gatewayResources(), ...routeResources(), ...policyResources()].join('---\n'),
      extensionManager: recommendedExtensionManager({ host: '127.0.0.1', port: offramp.port }),
    });
  });

  afterAll(async () => {
    await gateway?.stop();
    await offramp?.stop();
    authentication?.stop();
    for (const one of [vm, controlPlane]) await one?.stop();
  });

  beforeEach(() => {
    for (const one of [vm, controlPlane]) one.take();
  });

  function gatewayResources(): string[] {
    const http = [...ports].map(([name, port]) => ({ name, port }));
    return [gatewayClassYaml(), listenersYaml(http)];
  }

  function routeResources(): string[] {
    const apiListeners = listeners.filter((name) => name !== 'bare');
    return [
      backendYaml('vm', vm.port),
      backendYaml('api', controlPlane.port),
      // Also behind the host name of none of the VM routes.
      servedPathYaml('api', {
        listeners: apiListeners,
        hosts: [HOST, `api.${HOST}`],
        path: '/',
        backend: 'api',
      }),
      ...listeners.map((name) => {
        const apart = name.endsWith('different-hosts');
        const hosts = [apart ? `vm.${HOST}` : HOST];
        return servedPathYaml(name, { listeners: [name], hosts, path: '/browsers', backend: 'vm' });
      }),
    ];
  }

  /** The listener’s policy is the one of the control plane’s route; the VM’s route has its own. */
  function policyResources(): string[] {
    const open = { authorization: { defaultAction: 'Allow' } };
    const policies = rows.flatMap(({ kind, where, ...asked }) => {
      const name = `${kind}-${where}`;
      const { letIn } = kindNamed(kind);
      const own = asked.vm === undefined ? open : letIn(asked.vm);
      const ofVm = policyYaml('SecurityPolicy', { kind: 'HTTPRoute', name }, own);
      if (asked.controlPlane === undefined) return [ofVm];
      const target = { kind: 'Gateway', name: 'eg', sectionName: name } as const;
      return [ofVm, policyYaml('SecurityPolicy', target, letIn(asked.controlPlane))];
    });
    return [...policies, ...authentication.resources];
  }

  function kindNamed(name: string): AuthenticationKind {
    const kind = authentication.kinds.find((one) => one.name === name);
    if (kind === undefined) throw new Error(`no kind ${name}`);
    return kind;
  }

  /** The status, and how many requests reached the VM and the control plane. */
  async function outcome(listener: string, question: Question): Promise<readonly number[]> {
    const host = listener.endsWith('different-hosts') ? `vm.${HOST}` : HOST;
    const headers = { host, ...question.headers };
    const { status } = await ask(ports.get(listener) ?? 0, { ...question, headers });
    return [status, vm.take().length, controlPlane.take().length];
  }

  describe.each(rows)('$kind, $where', ({ kind: kindName, where, ...asked }) => {
    const listener = `${kindName}-${where}`;
    const gone = { 'x-case': 'gone' };

    /** As which users a client goes: of two with one header the second. */
    const presented = (client: readonly User[]): readonly User[] =>
      kindName === 'api-key' ? client : client.slice(-1);
    const credentialsOf = (client: readonly User[]) =>
      Object.assign({}, ...client.map((user) => kindNamed(kindName).credentials(user)));
    const passes = (client: readonly User[], wanted: User | undefined) =>
      wanted === undefined || presented(client).includes(wanted);
    const answered = (passesVm: boolean, passesControlPlane: boolean | undefined) => {
      const reachesVm = passesVm ? 1 : 0;
      const reachesControlPlane = passesVm && passesControlPlane ? 1 : 0;
      return [reachesVm, reachesControlPlane];
    };

    it.each(clients)('lets a request fall back that passes both: %s %s', async (...client) => {
      const headers = { ...gone, ...credentialsOf(client) };
      const seen = await outcome(listener, { path: eventsOf(randomUUID()), headers });
      const passesVm = passes(client, asked.vm);
      const passesBoth = passesVm && passes(client, asked.controlPlane);
      const status = passesBoth ? 200 : kindNamed(kindName).refusal;
      expect(seen).toEqual([status, ...answered(passesVm, passesBoth)]);
    });

    it.each(clients)(
      'asks what the control plane asks of a gone session: %s %s',
      async (...client) => {
        const session = randomUUID();
        const remembering = { ...gone, ...credentialsOf(asked.vm === undefined ? [] : [asked.vm]) };
        const first = await outcome(listener, { path: eventsOf(session), headers: remembering });
        expect(first[1]).toBe(1);
        const passesIt = passes(client, asked.controlPlane);
        const expected = passesIt ? [200, 0, 1] : [kindNamed(kindName).refusal, 0, 0];
        for (const method of ['GET', 'POST', 'DELETE']) {
          const question = {
            path: `/browsers/${session}/x`,
            method,
            headers: credentialsOf(client),
          };
          expect(await outcome(listener, question)).toEqual(expected);
        }
      },
    );

    it.each(clients)('asks what the VM asks of a live session: %s %s', async (...client) => {
      const path = `/browsers/${randomUUID()}/x`;
      const seen = await outcome(listener, {
        path,
        method: 'POST',
        headers: credentialsOf(client),
      });
      const refused = [kindNamed(kindName).refusal, 0, 0];
      expect(seen).toEqual(passes(client, asked.vm) ? [200, 1, 0] : refused);
    });
  });

  it('is the reason for no fallback where the control plane’s routes ask different things', async () => {
    const question = { path: eventsOf(randomUUID()), headers: { 'x-case': 'gone' } };
    expect(await outcome('bare', question)).toEqual([404, 1, 0]);
    const skips = offramp.log().map(({ skips }) => JSON.stringify(skips ?? ''));
    expect(skips.find((skip) => skip.includes('control-plane-authentication'))).toBeDefined();
  });
});
