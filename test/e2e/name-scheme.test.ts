import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectOverHttp2 } from './support/connect-stream.ts';
import { routesOf } from './support/dumped-routes.ts';
import { backendYaml, gatewayYaml } from './support/example-resources.ts';
import { recommendedExtensionManager } from './support/extension-manager.ts';
import { freePort } from './support/free-ports.ts';
import { type RunningGateway, startGateway } from './support/gateway.ts';
import { type OfframpProcess, startOfframpProcess } from './support/offramp.ts';
import { sendRequest } from './support/send-request.ts';
import { startHttpUpstream, type Upstream } from './support/upstreams.ts';

const host = 'app.example.com';

// The second listener's virtual host gets the very same name, for routes without a connector.
describe('with the runtime flag XDSNameSchemeV2, an offline connector', () => {
  let berlin: Upstream;
  let healthy: Upstream;
  let ports: readonly [number, number];
  let offramp: OfframpProcess;
  let gateway: RunningGateway;

  beforeAll(async () => {
    berlin = await startHttpUpstream('berlin');
    healthy = await startHttpUpstream('healthy');
    ports = [await freePort(), await freePort()];
    offramp = await startOfframpProcess({
      connectors: [
        { name: 'berlin', online: false, routes: [{ kind: 'HTTPRoute', name: 'app', rule: 0 }] },
      ],
    });
    gateway = await startGateway({
      resources: [
        `${gatewayYaml(ports[0])}    - { name: second, protocol: HTTP, port: ${ports[1]} }\n`,
        backendYaml('berlin', berlin.port),
        backendYaml('healthy', healthy.port),
        routesYaml,
      ].join('---\n'),
      extensionManager: recommendedExtensionManager({ host: '127.0.0.1', port: offramp.port }),
      configuration: { runtimeFlags: { enabled: ['XDSNameSchemeV2'] } },
    });
  });

  afterAll(async () => {
    await gateway?.stop();
    await offramp?.stop();
    await berlin?.stop();
    await healthy?.stop();
  });

  it('has its route answered in a virtual host that is named by its host alone', async () => {
    const names = routesOf(await gateway.configDump(), 'app_example_com', `http-${ports[0]}`).map(
      ({ name }) => name,
    );
    expect(names[0]).toBe('connector-offline-app-example-com');
    const response = await sendRequest({ port: ports[0], host });
    expect(response).toMatchObject({ status: 503, body: 'Tunnel not online' });
    expect(berlin.connectionCount()).toBe(0);
  });

  it('has CONNECT answered, too', async () => {
    const overHttp1 = await sendRequest({ port: ports[0], host, method: 'CONNECT' });
    expect(overHttp1).toMatchObject({ status: 503, body: 'Tunnel not online' });
    const overHttp2 = await connectOverHttp2({ port: ports[0], host });
    expect(overHttp2).toEqual({ status: 503, body: 'Tunnel not online' });
  });

  it('leaves its sibling path, and the same host on another listener', async () => {
    const sibling = await sendRequest({ port: ports[0], host, path: '/health' });
    expect(sibling).toMatchObject({ status: 200, body: 'healthy\n' });
    const other = await sendRequest({ port: ports[1], host });
    expect(other).toMatchObject({ status: 200, body: 'healthy\n' });
    const routes = routesOf(await gateway.configDump(), 'app_example_com', `http-${ports[1]}`);
    expect(routes).toHaveLength(1);
  });
});

const backend = (name: string) => `{ group: gateway.envoyproxy.io, kind: Backend, name: ${name} }`;

const routesYaml = `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: app, namespace: default }
spec:
  parentRefs: [{ name: eg, sectionName: http }]
  hostnames: [${host}]
  rules:
    - backendRefs: [${backend('berlin')}]
    - matches: [{ path: { type: PathPrefix, value: /health } }]
      backendRefs: [${backend('healthy')}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: second, namespace: default }
spec:
  parentRefs: [{ name: eg, sectionName: second }]
  hostnames: [${host}]
  rules:
    - backendRefs: [${backend('healthy')}]
`;
