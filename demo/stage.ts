import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { backendYaml, gatewayYaml, httpRouteYaml } from '../test/e2e/support/example-resources.ts';
import { recommendedExtensionManager } from '../test/e2e/support/extension-manager.ts';
import { freePort } from '../test/e2e/support/free-ports.ts';
import { type RunningGateway, startGateway } from '../test/e2e/support/gateway.ts';
import { type OfframpProcess, startOfframpProcess } from '../test/e2e/support/offramp.ts';
import { proxyWithTunnelListener } from '../test/e2e/support/tunnel-listener.ts';
import { startHttpUpstream, type Upstream } from '../test/e2e/support/upstreams.ts';

/** All that the demo runs on; everything in it is real, and on this machine. */
export interface Stage {
  /** Where Envoy takes requests. */
  readonly envoy: string;
  readonly offramp: OfframpProcess;
  readonly gateway: RunningGateway;
  /** The address in berlin's Backend. Traffic to a connector must never come here. */
  readonly besideTheTunnel: Upstream;
  /** Ends the processes, the last started first, and removes their folders. */
  clear(): Promise<void>;
}

const tunnel = { host: 'localhost', port: 8080, endpointId: '4f1c0a' };

/** The connector that the demo flips: a route of its own, and half of a split. */
const state = {
  connectors: [
    {
      name: 'berlin',
      online: false,
      tunnel,
      routes: [
        { kind: 'HTTPRoute', name: 'berlin' },
        { kind: 'HTTPRoute', name: 'split', rule: 0, backend: 1 },
      ],
    },
  ],
};

/** What Envoy's log says of a connection that came through the tunnel. */
export const tunnelLogLine = `tunnel to ${tunnel.host}:${tunnel.port} at ${tunnel.endpointId}`;

/** Starts upstreams, Offramp, Envoy Gateway and Envoy. What is up by an error or an abort is ended. */
export async function setStage(signal: AbortSignal): Promise<Stage> {
  const endings: (() => Promise<void>)[] = [];
  const clear = async () => {
    const failures: unknown[] = [];
    for (let end = endings.pop(); end !== undefined; end = endings.pop()) {
      await end().catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw new AggregateError(failures, failures.join('\n'));
  };
  try {
    return { ...(await startAll(endings, signal)), clear };
  } catch (error) {
    await clear();
    throw error;
  }
}

async function startAll(
  endings: (() => Promise<void>)[],
  signal: AbortSignal,
): Promise<Omit<Stage, 'clear'>> {
  const endsWithUs = <T extends { stop(): Promise<void> }>(started: T): T => {
    endings.push(() => started.stop());
    return started;
  };
  const upstream = async (name: string) => endsWithUs(await startHttpUpstream(name));
  const amsterdam = await upstream('amsterdam');
  const copenhagen = await upstream('copenhagen');
  const berlin = await upstream('berlin');
  const besideTheTunnel = await upstream('berlin-beside-the-tunnel');

  const folder = await mkdtemp(join(tmpdir(), 'offramp-demo-'));
  endings.push(() => rm(folder, { recursive: true, force: true }));
  // Offramp has to be up before Envoy Gateway is, and so before the folder that the latter watches.
  const watched = join(folder, 'resources');
  const config = { retrigger: { folder: watched }, log: { level: 'info' } };
  const offramp = endsWithUs(await startOfframpProcess(state, config));
  const port = await freePort();
  const resources = [
    gatewayYaml(port),
    ...[amsterdam, copenhagen].map((one) => backendYaml(one.name, one.port)),
    backendYaml('berlin', besideTheTunnel.port),
    httpRouteYaml('healthy', 'amsterdam'),
    httpRouteYaml('berlin', 'berlin'),
    splitRouteYaml({ amsterdam: 30, berlin: 50, copenhagen: 20 }),
  ];
  const gateway = endsWithUs(
    await startGateway({
      resources: resources.join('---\n'),
      extensionManager: recommendedExtensionManager({ host: '127.0.0.1', port: offramp.port }),
      configuration: { envoyProxy: proxyWithTunnelListener(berlin.port) },
      signal,
    }),
  );
  await symlink(join(gateway.folder, 'resources'), watched);
  return { envoy: `http://127.0.0.1:${port}`, offramp, gateway, besideTheTunnel };
}

/** With a filter of its own each backendRef gets a cluster of its own, as it would with its own TLS. */
function splitRouteYaml(weights: Readonly<Record<string, number>>): string {
  const refs = Object.entries(weights).map(
    ([name, weight]) => `        - group: gateway.envoyproxy.io
          kind: Backend
          name: ${name}
          weight: ${weight}
          filters:
            - type: RequestHeaderModifier
              requestHeaderModifier: { set: [{ name: x-site, value: ${name} }] }
`,
  );
  return `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: split, namespace: default }
spec:
  parentRefs: [{ name: eg }]
  hostnames: [split.example.com]
  rules:
    - backendRefs:
${refs.join('')}`;
}
