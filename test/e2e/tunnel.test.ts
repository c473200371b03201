import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { backendYaml, gatewayYaml, httpRouteYaml } from './support/example-resources.ts';
import { recommendedExtensionManager } from './support/extension-manager.ts';
import { freePort } from './support/free-ports.ts';
import { type RunningGateway, startGateway } from './support/gateway.ts';
import { type OfframpProcess, startOfframpProcess } from './support/offramp.ts';
import { sendRequest } from './support/send-request.ts';
import { proxyWithTunnelListener } from './support/tunnel-listener.ts';
import { startHttpUpstream, type Upstream } from './support/upstreams.ts';

describe('an online connector', () => {
  let direct: Upstream;
  let tunnelled: Upstream;
  let port: number;
  let offramp: OfframpProcess;
  let gateway: RunningGateway;

  beforeAll(async () => {
    direct = await startHttpUpstream('direct');
    tunnelled = await startHttpUpstream('tunnelled');
    port = await freePort();
    const tunnel = { host: 'localhost', port: 8080, endpointId: '4f1c0a' };
    const routes = [{ kind: 'HTTPRoute', name: 'oslo' }];
    offramp = await startOfframpProcess({
      connectors: [{ name: 'oslo', online: true, tunnel, routes }],
    });
    const resources = [
      gatewayYaml(port),
      backendYaml('direct', direct.port),
      httpRouteYaml('oslo', 'direct'),
    ];
    gateway = await startGateway({
      resources: resources.join('---\n'),
      extensionManager: recommendedExtensionManager({ host: '127.0.0.1', port: offramp.port }),
      configuration: { envoyProxy: proxyWithTunnelListener(tunnelled.port) },
    });
  });

  afterAll(async () => {
    await gateway?.stop();
    await offramp?.stop();
    await direct?.stop();
    await tunnelled?.stop();
  });

  it('gets requests through the tunnel cluster and Envoy’s internal listener', async () => {
    const response = await sendRequest({ port, host: 'oslo.example.com', path: '/x' });
    expect(response).toMatchObject({ status: 200, body: 'tunnelled\n' });
    expect(tunnelled.requests().map(({ path }) => path)).toEqual(['/x']);
    expect(direct.connectionCount()).toBe(0);
  });

  it('gets CONNECT the same way', async () => {
    const response = await sendRequest({ port, host: 'oslo.example.com', method: 'CONNECT' });
    expect(response.status).toBe(200);
    expect(direct.connectionCount()).toBe(0);
  });

  it('has its tunnel’s metadata arrive at the internal listener', () => {
    expect(gateway.logs()).toContain('tunnel to localhost:8080 at 4f1c0a');
  });
});
