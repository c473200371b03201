import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { addRoute } from './support/add-route.ts';
import { startTcpUpstream } from './support/byte-upstreams.ts';
import { openConnectOverHttp1, readBytes } from './support/connect-stream.ts';
import { routesOf } from './support/dumped-routes.ts';
import { backendYaml, gatewayYaml, httpRouteYaml } from './support/example-resources.ts';
import { recommendedExtensionManager } from './support/extension-manager.ts';
import { freePort } from './support/free-ports.ts';
import { type RunningGateway, startGateway } from './support/gateway.ts';
import type { Listening } from './support/listen.ts';
import { type OfframpProcess, startOfframpProcess } from './support/offramp.ts';
import { type RecordingHook, startRecordingHook } from './support/record-hook.ts';
import { sendRequest } from './support/send-request.ts';
import { startHttpUpstream, type Upstream } from './support/upstreams.ts';

/** A CONNECT route that answers with its own name. */
const foreignRoute = (name: string) => ({
  name,
  match: { connect_matcher: {} },
  direct_response: { status: 418, body: { inline_string: name } },
});

const virtualHostOf = (name: string) => `default/eg/http/${name}_example_com`;

describe('a CONNECT route that somebody else put beside an offline connector', () => {
  let berlin: Upstream;
  let bytes: Listening;
  let port: number;
  let other: RecordingHook;
  let offramp: OfframpProcess;
  let gateway: RunningGateway;

  beforeAll(async () => {
    berlin = await startHttpUpstream('berlin');
    bytes = await startTcpUpstream('bytes');
    port = await freePort();
    other = await startRecordingHook({
      answer: (request) =>
        addRoute(request, virtualHostOf('extension'), foreignRoute('by-extension')),
    });
    const offline = ['policy', 'patch', 'extension', 'dialled'];
    offramp = await startOfframpProcess({
      connectors: [
        {
          name: 'berlin',
          online: false,
          routes: offline.map((name) => ({ kind: 'HTTPRoute', name })),
        },
      ],
    });
    gateway = await startGateway({
      resources: [
        gatewayYaml(port),
        backendYaml('berlin', berlin.port),
        backendYaml('bytes', bytes.port),
        ...offline.map((name) => httpRouteYaml(name, 'berlin')),
        httpRouteYaml('dialler', 'bytes').replace('[dialler.example.com]', '[policy.example.com]'),
        ...['dialler', 'dialled'].map(connectPolicyYaml),
        patchPolicyYaml(virtualHostOf('patch'), foreignRoute('by-patch')),
      ].join('---\n'),
      configuration: {
        extensionApis: { enableBackend: true, enableEnvoyPatchPolicy: true },
        extensionManagers: [
          { name: 'other', ...other.extensionManager },
          {
            name: 'offramp',
            ...recommendedExtensionManager({ host: '127.0.0.1', port: offramp.port }),
          },
        ],
      },
    });
  });

  afterAll(async () => {
    await gateway?.stop();
    await other?.stop();
    await offramp?.stop();
    await berlin?.stop();
    await bytes?.stop();
  });

  /** The CONNECT routes of a host, in Envoy’s order. */
  async function connectRoutesOf(name: string): Promise<string[]> {
    const routes = routesOf(await gateway.configDump(), virtualHostOf(name), 'default/eg/http');
    return routes.filter(({ match }) => 'connect_matcher' in match).map((route) => route.name);
  }

  it.each([
    { by: 'another extension server, called before Offramp', name: 'extension' },
    { by: 'an EnvoyPatchPolicy', name: 'patch' },
  ])('stays ahead and answers, when it came by $by', async ({ name }) => {
    const ours = `connector-offline-default-eg-http-${name}-example-com`;
    expect(await connectRoutesOf(name)).toEqual([`by-${name}`, ours]);
    const host = `${name}.example.com`;
    const connect = await sendRequest({ port, host, method: 'CONNECT' });
    expect(connect).toMatchObject({ status: 418, body: `by-${name}` });
    const other = await sendRequest({ port, host });
    expect(other).toMatchObject({ status: 503, body: 'Tunnel not online' });
  });

  it('stays ahead and tunnels, when it came by a BackendTrafficPolicy', async () => {
    const ours = 'connector-offline-default-eg-http-policy-example-com';
    const theirs = 'httproute/default/dialler/rule/0/match/0/policy_example_com';
    expect(await connectRoutesOf('policy')).toEqual([theirs, ours]);
    const host = 'policy.example.com';
    const { status, stream } = await openConnectOverHttp1({ port, host });
    const received = await readBytes(stream, 6);
    stream.destroy();
    expect({ status, received: String(received) }).toEqual({ status: 200, received: 'bytes\n' });
    const other = await sendRequest({ port, host });
    expect(other).toMatchObject({ status: 503, body: 'Tunnel not online' });
  });

  it('is answered itself, when it leads to the offline connector', async () => {
    const host = 'dialled.example.com';
    const connect = await sendRequest({ port, host, method: 'CONNECT' });
    expect(connect).toMatchObject({ status: 503, body: 'Tunnel not online' });
    expect(berlin.connectionCount()).toBe(0);
  });
});

/** Makes an HTTPRoute take CONNECT, and only CONNECT, and pass its bytes on. */
function connectPolicyYaml(route: string): string {
  return `apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: { name: ${route}, namespace: default }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: ${route} }]
  httpUpgrade: [{ type: CONNECT, connect: { terminate: true } }]
`;
}

function patchPolicyYaml(virtualHost: string, value: object): string {
  return stringify({
    apiVersion: 'gateway.envoyproxy.io/v1alpha1',
    kind: 'EnvoyPatchPolicy',
    metadata: { name: 'connect', namespace: 'default' },
    spec: {
      targetRef: { group: 'gateway.networking.k8s.io', kind: 'Gateway', name: 'eg' },
      type: 'JSONPatch',
      jsonPatches: [
        {
          type: 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
          name: 'default/eg/http',
          operation: {
            op: 'add',
            jsonPath: `..virtual_hosts[?(@.name=='${virtualHost}')]`,
            path: '/routes/0',
            value,
          },
        },
      ],
    },
  });
}
