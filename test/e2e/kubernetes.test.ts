import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunningEnvoyGateway } from './support/envoy-gateway.ts';
import { recommendedExtensionManager } from './support/extension-manager.ts';
import { acceptsConnections, freePort } from './support/free-ports.ts';
import { installDatumCrds, installGatewayCrds } from './support/kubernetes/crds.ts';
import { startGatewayOnKubernetes } from './support/kubernetes/gateway.ts';
import { type RunningKubernetes, startKubernetes } from './support/kubernetes/kubernetes.ts';
import {
  backend,
  connector,
  connectorStatus,
  gateway,
  gatewayClass,
  grpcRoute,
  httpProxy,
  httpRoute,
  service,
} from './support/kubernetes/objects.ts';
import { type OfframpProcess, startOfframpProcess } from './support/offramp.ts';
import { commandLineOf, descendantsOf } from './support/process-tree.ts';
import { sendRequest } from './support/send-request.ts';
import { TESTBED_VERSIONS } from './support/testbed-versions.ts';
import { startHttpUpstream, type Upstream } from './support/upstreams.ts';
import { waitFor } from './support/wait-for.ts';

async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const started = performance.now();
  const result = await work();
  process.stderr.write(`${what} took ${Math.round(performance.now() - started)} ms\n`);
  return result;
}

describe('a Kubernetes API with RBAC', () => {
  let kubernetes: RunningKubernetes;
  const berlin = {
    apiVersion: 'networking.datumapis.com/v1alpha1',
    kind: 'Connector',
    name: 'berlin',
  };

  beforeAll(async () => {
    kubernetes = await timed('starting etcd and the API server', () =>
      startKubernetes({ authorization: 'RBAC', users: ['alice'] }),
    );
    await timed('installing the datum CRDs', () => installDatumCrds(kubernetes));
  });

  afterAll(async () => {
    await kubernetes?.stop();
  });

  it('refuses a user without a role', async () => {
    const alice = await kubernetes.kubeconfigFor({ user: 'alice' });
    const asAlice = kubernetes.kubectl(['get', 'connectors'], { kubeconfig: alice });
    await expect(asAlice).rejects.toThrow('User "alice" cannot list resource "connectors"');
  });

  it('lets a service account do what its role says, and no more', async () => {
    await kubernetes.apply(`
apiVersion: v1
kind: ServiceAccount
metadata: { name: reader }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: connector-reader }
rules: [{ apiGroups: [networking.datumapis.com], resources: [connectors], verbs: [get, list] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: connector-reader }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: connector-reader }
subjects: [{ kind: ServiceAccount, name: reader, namespace: default }]
`);
    const reader = { serviceAccount: 'reader', namespace: 'default' };
    const kubeconfig = await kubernetes.kubeconfigFor(reader);
    expect(await kubernetes.kubectl(['auth', 'whoami'], { kubeconfig })).toContain(
      'system:serviceaccount:default:reader',
    );
    expect(await kubernetes.kubectl(['get', 'connectors', '-o', 'name'], { kubeconfig })).toBe('');
    const write = kubernetes.kubectl(['delete', 'connector', 'berlin'], { kubeconfig });
    await expect(write).rejects.toThrow('Forbidden');
  });

  it('keeps the status of a Connector apart from its spec', async () => {
    await kubernetes.apply([
      connector('berlin'),
      httpProxy('berlin', [{ connector: 'berlin', endpoint: 'http://127.0.0.1:8080' }]),
    ]);
    const status = connectorStatus(true, 'node-1');
    await kubernetes.patchStatus(berlin, status);
    await kubernetes.apply([connector('berlin')]);
    expect(await kubernetes.get(berlin)).toMatchObject({ status });
    await kubernetes.remove(berlin);
    expect(await kubernetes.get(berlin)).toBeUndefined();
  });

  it('takes a thousand objects in a few seconds', async () => {
    const namespace = 'many';
    const numbers = Array.from({ length: 1_000 }, (_, number) => number);
    await timed('applying 1,000 Connectors', () =>
      kubernetes.apply([
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
        ...numbers.map((number) => connector(`connector-${number}`, namespace)),
      ]),
    );
    const all = await kubernetes.list(berlin.apiVersion, berlin.kind);
    expect(all.filter(({ metadata }) => metadata.namespace === namespace)).toHaveLength(1_000);
  });

  it('takes a chart from Helm and tells it its version', async () => {
    const chart = join(kubernetes.folder, 'chart');
    await mkdir(join(chart, 'templates'), { recursive: true });
    await writeFile(join(chart, 'Chart.yaml'), 'apiVersion: v2\nname: probe\nversion: 1.0.0\n');
    await writeFile(
      join(chart, 'templates', 'probe.yaml'),
      `apiVersion: v1
kind: ConfigMap
metadata: { name: probe }
data: { version: {{ .Capabilities.KubeVersion.Version }} }
`,
    );
    await kubernetes.helm(['install', 'probe', chart]);
    const probe = { apiVersion: 'v1', kind: 'ConfigMap', name: 'probe' };
    const version = `v${TESTBED_VERSIONS.kubernetes}`;
    expect(await kubernetes.get(probe)).toMatchObject({ data: { version } });
  });
});

describe('an Envoy Gateway on Kubernetes resources', () => {
  const eg = { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', name: 'eg' };
  let kubernetes: RunningKubernetes;
  let upstream: Upstream;
  let offramp: OfframpProcess;
  let envoyGateway: RunningEnvoyGateway;
  let port: number;

  beforeAll(async () => {
    upstream = await startHttpUpstream('app');
    port = await freePort();
    kubernetes = await startKubernetes({ authorization: 'RBAC' });
    await timed("installing Envoy Gateway's and the Gateway API's CRDs", () =>
      installGatewayCrds(kubernetes),
    );
    await kubernetes.apply([
      gatewayClass(),
      gateway(port),
      service('app'),
      backend('tunnel', upstream.port),
      httpRoute({ name: 'oslo', backends: [{ kind: 'Service', name: 'app' }] }),
      httpRoute({ name: 'berlin', backends: [{ kind: 'Backend', name: 'tunnel' }] }),
      grpcRoute({ name: 'chat', backends: [{ kind: 'Service', name: 'app' }] }),
    ]);
    await kubernetes.setEndpoint({ service: 'app', port: upstream.port, is: 'ready' });
    offramp = await startOfframpProcess({
      connectors: [
        { name: 'berlin', online: false, routes: [{ kind: 'HTTPRoute', name: 'berlin' }] },
      ],
    });
    envoyGateway = await timed('starting Envoy Gateway and Envoy', () =>
      startGatewayOnKubernetes({
        kubernetes,
        extensionManager: recommendedExtensionManager({ host: '127.0.0.1', port: offramp.port }),
      }),
    );
  });

  afterAll(async () => {
    await envoyGateway?.stop();
    await offramp?.stop();
    await kubernetes?.stop();
    await upstream?.stop();
  });

  const hookCalls = () => offramp.log().filter(({ msg }) => msg === 'PostTranslateModify').length;
  const statusOf = async (name: string) =>
    (await sendRequest({ port, host: `${name}.example.com` })).status;
  const becomes = (name: string, status: number) =>
    timed(`${name} becoming ${status}`, () =>
      waitFor(`${name} to answer ${status}`, async () => (await statusOf(name)) === status, {
        timeoutMs: 20_000,
        intervalMs: 20,
      }),
    );

  it('forwards to the endpoint of a Service, and knows GRPCRoutes', async () => {
    expect(await statusOf('oslo')).toBe(200);
    expect(upstream.requestCount()).toBe(1);
    expect(JSON.stringify(await envoyGateway.configDump())).toContain(
      'grpcroute/default/chat/rule/0',
    );
  });

  it('publishes what Offramp answers', async () => {
    expect(hookCalls()).toBeGreaterThan(0);
    const offline = await sendRequest({ port, host: 'berlin.example.com' });
    expect(offline).toMatchObject({ status: 503, body: 'Tunnel not online' });
  });

  it('follows the endpoints of a Service', async () => {
    await kubernetes.setEndpoint({ service: 'app', port: upstream.port, is: 'none' });
    await becomes('oslo', 503);
    await kubernetes.setEndpoint({ service: 'app', port: upstream.port, is: 'ready' });
    await becomes('oslo', 200);
  });

  it('asks the hook once more for each annotation of its own prefix, and for no other', async () => {
    const annotate = (key: string, value: string) =>
      kubernetes.patch(eg, { metadata: { annotations: { [key]: value } } });
    const before = hookCalls();
    for (const value of ['1', '2', '3']) {
      await annotate('offramp.dev/x', value);
      // Longer than a translation takes: changes that come together are translated together.
      await sleep(300);
    }
    for (const [index, value] of ['1', '2', '3'].entries()) {
      await annotate('gateway.envoyproxy.io/x', value);
      const asked = before + index + 1;
      await waitFor('a further hook call', () => hookCalls() >= asked, { timeoutMs: 10_000 });
      expect(hookCalls()).toBe(asked);
    }
  });

  it('forwards while the API server is away, and follows changes when it is back', async () => {
    await kubernetes.stopApiServer();
    await expect(kubernetes.get(eg)).rejects.toThrow('ECONNREFUSED');
    expect(await statusOf('oslo')).toBe(200);
    await timed('starting the API server again', () => kubernetes.startApiServer());
    expect(await statusOf('oslo')).toBe(200);
    await kubernetes.apply([
      httpRoute({ name: 'lima', backends: [{ kind: 'Service', name: 'app' }] }),
    ]);
    await becomes('lima', 200);
  });

  it('leaves no process, port or file behind', async () => {
    await timed('stopping Envoy Gateway and Envoy', () => envoyGateway.stop());
    await timed('stopping the API server and etcd', () => kubernetes.stop());
    await offramp.stop();
    const left = descendantsOf(process.pid).map(({ pid }) => commandLineOf(pid).join(' '));
    expect(left.filter((line) => line.includes('offramp'))).toEqual([]);
    expect(await acceptsConnections(Number(new URL(kubernetes.url).port))).toBe(false);
    expect([kubernetes.folder, envoyGateway.folder].filter(existsSync)).toEqual([]);
  });
});
