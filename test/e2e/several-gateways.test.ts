import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { differingPlaces } from './support/dump-differences.ts';
import { backendYaml } from './support/example-resources.ts';
import { recommendedExtensionManager } from './support/extension-manager.ts';
import { freePort } from './support/free-ports.ts';
import { type RunningGateway, startGateway } from './support/gateway.ts';
import { type OfframpProcess, startOfframpProcess } from './support/offramp.ts';
import { reportedPlaces } from './support/reported-places.ts';
import { sendRequest } from './support/send-request.ts';
import { startHttpUpstream, type Upstream } from './support/upstreams.ts';

const state = {
  connectors: [{ name: 'berlin', online: false, routes: [{ kind: 'HTTPRoute', name: 'east' }] }],
};

interface Ports {
  readonly east: number;
  readonly west: number;
  /** Of a listener that only merged Gateways can share. */
  readonly shared: number | undefined;
}

/** Both Gateways serve this host, so that a mix-up would show. */
const host = 'app.example.com';

const cases = [
  { envoys: 'an Envoy each', merged: false, served: ['default/east', 'default/west'] },
  { envoys: 'one Envoy, by mergeGateways', merged: true, served: ['eg'] },
] as const;

describe.each(cases)('two Gateways with $envoys', ({ merged, served }) => {
  let ports: Ports;
  let berlin: Upstream;
  let healthy: Upstream;
  let offramp: OfframpProcess;
  let gateway: RunningGateway;
  let plain: Awaited<ReturnType<typeof lookWithoutOfframp>>;

  beforeAll(async () => {
    berlin = await startHttpUpstream('berlin');
    healthy = await startHttpUpstream('healthy');
    const shared = merged ? await freePort() : undefined;
    ports = { east: await freePort(), west: await freePort(), shared };
    const resources = [
      gatewayClassYaml(merged),
      gatewayYaml('east', ports),
      gatewayYaml('west', ports),
      backendYaml('berlin', berlin.port),
      backendYaml('healthy', healthy.port),
      routeYaml('east', 'berlin'),
      routeYaml('west', 'healthy'),
    ].join('---\n');
    plain = await lookWithoutOfframp(resources);
    offramp = await startOfframpProcess(state);
    gateway = await startGateway({
      resources,
      extensionManager: recommendedExtensionManager({ host: '127.0.0.1', port: offramp.port }),
    });
  });

  afterAll(async () => {
    await gateway?.stop();
    await offramp?.stop();
    await berlin?.stop();
    await healthy?.stop();
  });

  it('come to Offramp in one snapshot for each Envoy', async () => {
    expect((await gateway.envoys()).map((envoy) => envoy.gateway)).toEqual(served);
    const calls = offramp.log().filter(({ msg }) => msg === 'PostTranslateModify');
    expect(calls).toHaveLength(served.length);
  });

  it('answer where the connector is offline, CONNECT included', async () => {
    for (const target of targets('east')) {
      for (const method of ['GET', 'CONNECT']) {
        const response = await sendRequest({ ...target, method });
        expect(response).toMatchObject({ status: 503, body: 'Tunnel not online' });
      }
    }
    expect(plain.connects.east).toEqual(targets('east').map(() => 404));
    expect(berlin.connectionCount()).toBe(0);
  });

  it('serve elsewhere, and say to CONNECT there what they say without Offramp', async () => {
    for (const target of targets('west')) {
      expect(await sendRequest(target)).toMatchObject({ status: 200, body: 'healthy\n' });
    }
    expect(plain.connects.west).toEqual(targets('west').map(() => 404));
    expect(await connectStatuses('west')).toEqual(plain.connects.west);
  });

  it('have all their configuration of without Offramp, but for the offline route', async () => {
    const dumps = await dumpsOf(gateway);
    const changed = dumps.map((dump, index) => differingPlaces(plain.dumps[index], dump));
    const offline = [
      ...['app', 'east'].flatMap((name) => offlinePlaces('http', `${name}.example.com`)),
      ...(merged ? offlinePlaces('shared', 'east.example.com') : []),
    ];
    const ofEast = [...new Set(offline)].toSorted();
    expect(changed).toEqual(merged ? [ofEast] : [ofEast, []]);
    expect(reportedPlaces(offramp)).toEqual(ofEast);
  });

  /** Where a Gateway's route is reached. */
  function targets(name: 'east' | 'west') {
    const own = { port: ports[name], host };
    const { shared } = ports;
    return shared === undefined ? [own] : [own, { port: shared, host: `${name}.example.com` }];
  }

  async function lookWithoutOfframp(resources: string) {
    const alone = await startGateway({ resources });
    try {
      for (const target of targets('east')) {
        expect(await sendRequest(target)).toMatchObject({ status: 200, body: 'berlin\n' });
      }
      const connects = { east: await connectStatuses('east'), west: await connectStatuses('west') };
      return { dumps: await dumpsOf(alone), connects };
    } finally {
      await alone.stop();
      berlin.reset();
    }
  }

  async function connectStatuses(name: 'east' | 'west'): Promise<number[]> {
    const sent = targets(name).map((target) => sendRequest({ ...target, method: 'CONNECT' }));
    return (await Promise.all(sent)).map(({ status }) => status);
  }

  function dumpsOf(running: RunningGateway): Promise<readonly unknown[]> {
    return Promise.all(served.map((name) => running.configDump(name)));
  }
});

/** What changes at a listener of `east` for one of the offline route's hosts. */
function offlinePlaces(listener: string, hostname: string): string[] {
  const name = `default/east/${listener}`;
  const virtualHost = `${name}/${hostname.replaceAll('.', '_')}`;
  const route = `httproute/default/east/rule/0/match/0/${hostname.replaceAll('.', '_')}`;
  return [
    `listeners ${name}`,
    `routes ${name} > ${virtualHost} > connector-offline-${virtualHost.replaceAll(/[/_]/g, '-')}`,
    `routes ${name} > ${virtualHost} > ${route}`,
    `routes ${name} > ${virtualHost} > ${route}/offline-websocket`,
  ];
}

function gatewayClassYaml(merged: boolean): string {
  return `apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyProxy
metadata: { name: eg, namespace: default }
spec: { mergeGateways: ${merged}, extraArgs: [--disable-hot-restart], concurrency: 1 }
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: eg }
spec:
  controllerName: gateway.envoyproxy.io/gatewayclass-controller
  parametersRef: { group: gateway.envoyproxy.io, kind: EnvoyProxy, name: eg, namespace: default }
`;
}

function gatewayYaml(name: 'east' | 'west', { shared, ...ports }: Ports): string {
  const sharedListener = `    - { name: shared, protocol: HTTP, port: ${shared}, hostname: ${name}.example.com }\n`;
  return `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: ${name}, namespace: default }
spec:
  gatewayClassName: eg
  listeners:
    - { name: http, protocol: HTTP, port: ${ports[name]} }
${shared === undefined ? '' : sharedListener}`;
}

/** An HTTPRoute on the Gateway of its name, for the host of both and one of its own. */
function routeYaml(name: string, backend: string): string {
  return `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${name}, namespace: default }
spec:
  parentRefs: [{ name: ${name} }]
  hostnames: [${host}, ${name}.example.com]
  rules:
    - backendRefs: [{ group: gateway.envoyproxy.io, kind: Backend, name: ${backend} }]
`;
}
