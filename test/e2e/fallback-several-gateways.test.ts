import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { basicCredentials, htpasswdLine } from './support/credentials.ts';
import { backendYaml } from './support/example-resources.ts';
import { ask, eventsOf } from './support/fallback-kernel/ask.ts';
import { type FallbackScene, startFallbackScene } from './support/fallback-scene.ts';
import { freePort } from './support/free-ports.ts';
import {
  gatewayClassYaml,
  listenersYaml,
  mergedGateways,
  type SceneListener,
  separateGateways,
  servedPathYaml,
} from './support/scene-resources.ts';
import { policyYaml, secretYaml } from './support/security-policies.ts';

const gateways = ['east', 'west'] as const;
type GatewayName = (typeof gateways)[number];

/** Each Gateway has a listener of its own for this host, with the same routes. */
const HOST = 'gateway.test';
/** Merged Gateways have one more port, which they share; behind it the routes differ. */
const hostOf = (gateway: GatewayName) => `${gateway}.test`;

const gone = { 'x-case': 'gone' };
const ada = { authorization: basicCredentials('ada', 'of ada') };

describe.each([
  ['one Envoy, by mergeGateways', true],
  ['an Envoy each, which share a /dev/shm', false],
])('the fallback on two Gateways with %s', (_, isMerged) => {
  let ports: Readonly<Record<GatewayName | 'shared', number>>;
  let scene: FallbackScene;

  beforeAll(async () => {
    ports = { east: await freePort(), west: await freePort(), shared: await freePort() };
    scene = await startFallbackScene({
      optedIn: isMerged ? ['vm', 'vm-east', 'vm-west'] : ['vm'],
      resources: ({ vm, controlPlane }) => [
        gatewayClassYaml(isMerged ? mergedGateways : separateGateways),
        ...gateways.map((gateway) => listenersYaml(listenersOf(gateway), gateway)),
        backendYaml('vm', vm.port),
        backendYaml('api', controlPlane.port),
        servedPathYaml('vm', { listeners: own, hosts: [HOST], ...toVm }),
        servedPathYaml('api', {
          listeners: isMerged ? [...own, 'east/shared'] : own,
          hosts: [HOST, hostOf('east')],
          path: '/',
          backend: 'api',
        }),
        ...(isMerged ? sharedResources() : []),
      ],
    });
  });
  afterAll(async () => {
    await scene?.stop();
  });
  beforeEach(() => {
    scene.reached();
  });

  const own = gateways.map((gateway) => `${gateway}/http`);
  const toVm = { path: '/browsers', backend: 'vm' };

  function listenersOf(gateway: GatewayName): SceneListener[] {
    const own = { name: 'http', port: ports[gateway] };
    const shared = { name: 'shared', port: ports.shared, hostname: hostOf(gateway) };
    return isMerged ? [own, shared] : [own];
  }

  /** At the shared port the control plane has a route of the Gateway `east` only, and that lets in Ada. */
  function sharedResources(): string[] {
    const target = { kind: 'Gateway', name: 'east', sectionName: 'shared' } as const;
    return [
      ...gateways.map((gateway) => {
        const at = { listeners: [`${gateway}/shared`], hosts: [hostOf(gateway)] };
        return servedPathYaml(`vm-${gateway}`, { ...at, ...toVm });
      }),
      policyYaml('SecurityPolicy', target, { basicAuth: { users: { name: 'ada' } } }),
      secretYaml('ada', { '.htpasswd': htpasswdLine('ada', 'of ada') }),
    ];
  }

  interface Asked {
    readonly host: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
  }

  /** The status, and how many requests reached the VM and the control plane. */
  async function outcome(port: number, { host, path, headers }: Asked): Promise<readonly number[]> {
    const { status } = await ask(port, { path, headers: { host, ...headers } });
    return [status, ...scene.reached()];
  }

  it('acts on either, and what one has learned holds on the other', async () => {
    for (const [first = 'east', second = 'west'] of [gateways, gateways.toReversed()]) {
      const asked = { host: HOST, path: eventsOf(randomUUID()), headers: gone };
      expect(await outcome(ports[first], asked)).toEqual([200, 1, 1]);
      expect(await outcome(ports[second], asked)).toEqual([200, 0, 1]);
    }
  });

  // Only merged Gateways can share a port.
  if (!isMerged) return;

  it('asks at a shared port what the other Gateway’s control plane asks', async () => {
    const session = randomUUID();
    const asked = { host: hostOf('west'), path: eventsOf(session) };
    const withAda = { ...gone, ...ada };
    expect(await outcome(ports.shared, { ...asked, headers: gone })).toEqual([401, 1, 0]);
    expect(await outcome(ports.shared, { ...asked, headers: withAda })).toEqual([200, 0, 1]);
    expect(await outcome(ports.shared, { ...asked, headers: gone })).toEqual([401, 0, 0]);
  });

  it('leaves the same id of another HTTPRoute with its VM', async () => {
    const path = eventsOf(randomUUID());
    const headers = { ...gone, ...ada };
    await outcome(ports.shared, { host: hostOf('west'), path, headers });
    const elsewhere = { path, headers: ada };
    expect(await outcome(ports.shared, { host: hostOf('east'), ...elsewhere })).toEqual([
      200, 1, 0,
    ]);
    expect(await outcome(ports.east, { host: HOST, ...elsewhere })).toEqual([200, 1, 0]);
  });
});
