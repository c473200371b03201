import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { differingPlaces } from './support/dump-differences.ts';
import { backendYaml, gatewayYaml, httpRouteYaml } from './support/example-resources.ts';
import { recommendedExtensionManager } from './support/extension-manager.ts';
import { acceptsConnections, freePort } from './support/free-ports.ts';
import { type RunningGateway, startGateway } from './support/gateway.ts';
import { type OfframpProcess, startOfframpProcess } from './support/offramp.ts';
import {
  otherHeader,
  otherName,
  readHookRequest,
  startOtherExtension,
} from './support/other-extension.ts';
import type { RecordingHook } from './support/record-hook.ts';
import { sendRequest } from './support/send-request.ts';
import { proxyWithTunnelListener } from './support/tunnel-listener.ts';
import { startHttpUpstream, type Upstream } from './support/upstreams.ts';
import { waitFor } from './support/wait-for.ts';

const routes = (name: string) => [{ kind: 'HTTPRoute', name }];
const tunnel = { host: 'localhost', port: 8080, endpointId: '4f1c0a' };
const state = {
  connectors: [
    { name: 'berlin', online: false, routes: routes('berlin') },
    { name: 'oslo', online: true, tunnel, routes: routes('oslo') },
  ],
};
const orders = ['before', 'after'] as const;

describe('Offramp beside another extension server', () => {
  const dumps: unknown[] = [];
  let direct: Upstream;
  let tunnelled: Upstream;
  let port: number;
  let otherPort: number;

  beforeAll(async () => {
    direct = await startHttpUpstream('direct');
    tunnelled = await startHttpUpstream('tunnelled');
    port = await freePort();
    otherPort = await freePort();
  });

  afterAll(async () => {
    await direct?.stop();
    await tunnelled?.stop();
  });

  describe.each(orders)('and %s it', (order) => {
    let offramp: OfframpProcess;
    let other: RecordingHook;
    let gateway: RunningGateway;

    beforeAll(async () => {
      offramp = await startOfframpProcess(state);
      other = await startOtherExtension(otherPort);
      const address = { host: '127.0.0.1', port: offramp.port };
      const managers = [
        { name: 'offramp', ...recommendedExtensionManager(address) },
        { name: 'other', ...other.extensionManager },
      ];
      const names = ['direct', 'berlin', 'oslo'];
      gateway = await startGateway({
        resources: [
          gatewayYaml(port),
          backendYaml('direct', direct.port),
          ...names.map((name) => httpRouteYaml(name, 'direct')),
        ].join('---\n'),
        configuration: {
          extensionManagers: order === 'before' ? managers : managers.toReversed(),
          envoyProxy: proxyWithTunnelListener(tunnelled.port),
        },
      });
      await waitFor('the other listener', () => acceptsConnections(otherPort), {
        timeoutMs: 20_000,
      });
    });

    afterAll(async () => {
      await gateway?.stop();
      await offramp?.stop();
      await other?.stop();
    });

    it('is asked once for each translation, in the order of the list', () => {
      const [seen = Buffer.alloc(0), ...more] = other.requests();
      expect(more).toEqual([]);
      expect(seen.includes('Tunnel not online')).toBe(order === 'before');
      const own = readHookRequest(seen).listeners?.length ?? 0;
      expect(own).toBeGreaterThan(0);
      const calls = offramp.log().filter(({ msg }) => msg === 'PostTranslateModify');
      expect(calls).toMatchObject([{ listeners: order === 'before' ? own : own + 1 }]);
    });

    it('has both servers’ changes reach Envoy', async () => {
      const dump = await gateway.configDump();
      dumps.push(dump);
      const text = JSON.stringify(dump);
      const ours = ['connector-offline-', 'connector-connect-', '.connector.internal'];
      for (const change of [...ours, otherHeader, `"name":"${otherName}"`]) {
        expect(text).toContain(change);
      }
    });

    it.each([
      { host: 'berlin', method: 'GET', status: 503, body: 'Tunnel not online' },
      { host: 'berlin', method: 'CONNECT', status: 503, body: 'Tunnel not online' },
      { host: 'oslo', method: 'GET', status: 200, body: 'tunnelled\n' },
      { host: 'direct', method: 'GET', status: 200, body: 'direct\n' },
    ])('has $method to $host show both', async ({ host, method, status, body }) => {
      const response = await sendRequest({ port, host: `${host}.example.com`, method });
      expect(response).toMatchObject({ status, body });
      expect(response.headers).toMatchObject({ [otherHeader]: 'was here' });
    });

    it('leaves the other’s listener to it', async () => {
      const response = await sendRequest({ port: otherPort, host: 'anything.example.com' });
      expect(response).toMatchObject({ status: 200, body: otherName });
    });
  });

  it('ends in the same configuration, whichever comes first', () => {
    const [before, after] = dumps;
    expect(dumps).toHaveLength(orders.length);
    expect(differingPlaces(before, after)).toEqual([]);
  });
});
