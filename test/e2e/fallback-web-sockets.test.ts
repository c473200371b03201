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
import { ask, eventsOf } from './support/fallback-kernel/ask.ts';
import { openWebSocket } from './support/fallback-matrix/web-socket.ts';
import {
  type FallbackScene,
  type SceneServers,
  startFallbackScene,
} from './support/fallback-scene.ts';
import { freePort } from './support/free-ports.ts';
import { gatewayClassYaml, listenersYaml, servedPathYaml } from './support/scene-resources.ts';
import { policyYaml } from './support/security-policies.ts';

const HOST = 'gateway.test';
const gone = { 'x-case': 'gone' };
const kinds = ['basic', 'jwt', 'ext-authz', 'api-key'];
const clients: readonly (User | undefined)[] = [undefined, ...users];

/** The VM’s route lets in Ada; whom the control plane lets in depends on whether it has a route. */
const controlPlanes = [
  { given: 'by its own route, for Bob', letsIn: 'bob' },
  {
    given: 'by host and port',
    letsIn: 'ada',
    address: ({ controlPlane }: SceneServers) => ({ host: '127.0.0.1', port: controlPlane.port }),
  },
] as const;

describe.each(controlPlanes)('a WebSocket with the control plane $given', (setup) => {
  const { letsIn } = setup;
  const hasRoute = !('address' in setup);
  const ports = new Map<string, number>();
  let authentication: RunningAuthentication;
  let scene: FallbackScene;

  beforeAll(async () => {
    for (const kind of kinds) ports.set(kind, await freePort());
    authentication = await startAuthentication();
    scene = await startFallbackScene({
      optedIn: kinds,
      ...('address' in setup ? { controlPlane: setup.address } : {}),
      resources: ({ vm, controlPlane }) => [
        gatewayClassYaml(),
        listenersYaml([...ports].map(([name, port]) => ({ name, port }))),
        backendYaml('vm', vm.port),
        backendYaml('api', controlPlane.port),
        ...authentication.resources,
        ...(hasRoute ? [servedPathYaml('api', { ...at(kinds), path: '/', backend: 'api' })] : []),
        ...kinds.flatMap((kind) => [
          servedPathYaml(kind, { ...at([kind]), path: '/browsers', backend: 'vm' }),
          ...policiesOf(kind),
        ]),
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

  const at = (listeners: readonly string[]) => ({ listeners, hosts: [HOST] });

  function policiesOf(name: string): string[] {
    const ofVm = { kind: 'HTTPRoute', name } as const;
    const ofListener = { kind: 'Gateway', name: 'eg', sectionName: name } as const;
    const { letIn } = kindNamed(name);
    const policies = [policyYaml('SecurityPolicy', ofVm, letIn('ada'))];
    return hasRoute
      ? [...policies, policyYaml('SecurityPolicy', ofListener, letIn('bob'))]
      : policies;
  }

  function kindNamed(name: string): AuthenticationKind {
    const kind = authentication.kinds.find((one) => one.name === name);
    if (kind === undefined) throw new Error(`no kind ${name}`);
    return kind;
  }

  describe.each(kinds)('%s', (kind) => {
    const target = (path: string) => ({ port: ports.get(kind) ?? 0, host: HOST, path });
    const credentials = (user: User | undefined) =>
      user === undefined ? {} : kindNamed(kind).credentials(user);
    const open = async (path: string, user: User | undefined, headers = {}) => {
      const sent = { ...credentials(user), ...headers };
      const { status, body } = await openWebSocket(target(path), sent, Buffer.from('echo'));
      return [status, status === 101 ? body.toString() : '', ...scene.reached()];
    };
    const refused = () => [kindNamed(kind).refusal, '', 0, 0];

    it.each(clients)('of a gone session passes what the control plane asks: %s', async (user) => {
      const session = randomUUID();
      const headers = { host: HOST, ...gone, ...credentials('ada') };
      await ask(target('').port, { path: eventsOf(session), headers });
      expect(scene.reached()[0]).toBe(1);
      const expected = user === letsIn ? [101, 'echo', 0, 1] : refused();
      expect(await open(`/browsers/${session}/shell`, user)).toEqual(expected);
      expect(await open(eventsOf(session), user)).toEqual(expected);
    });

    it.each(clients)('of a live session passes what the VM asks: %s', async (user) => {
      const path = `/browsers/${randomUUID()}/shell`;
      expect(await open(path, user)).toEqual(user === 'ada' ? [101, 'echo', 1, 0] : refused());
    });

    it('that meets browser_gone is refused, and its session is not remembered', async () => {
      const path = eventsOf(randomUUID());
      expect(await open(path, 'ada', gone)).toEqual([404, '', 1, 0]);
      expect(await open(path, 'ada')).toEqual([101, 'echo', 1, 0]);
    });
  });
});
