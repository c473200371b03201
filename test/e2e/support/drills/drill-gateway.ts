import { backendYaml, gatewayYaml, httpRouteYaml } from '../example-resources.ts';
import { recommendedExtensionManager } from '../extension-manager.ts';
import { freePort } from '../free-ports.ts';
import { type RunningGateway, startGateway } from '../gateway.ts';
import { sendRequest } from '../send-request.ts';
import { type SteadyTraffic, startSteadyTraffic } from '../steady-traffic.ts';
import { startHttpUpstream, type Upstream } from '../upstreams.ts';
import { waitFor } from '../wait-for.ts';

/** The state of the drills: of two routes, the one to `berlin` leads to an offline connector. */
export const drillState = {
  connectors: [{ name: 'berlin', online: false, routes: [{ kind: 'HTTPRoute', name: 'berlin' }] }],
};

/** A standalone Envoy Gateway under steady requests: to a good route, and to an offline one. */
export interface DrillGateway {
  readonly traffic: SteadyTraffic;
  /** The HTTP port of Envoy. */
  readonly port: number;
  /** Adds a route, which takes a hook call; answers its name. */
  change(): Promise<string>;
  isLive(route: string): Promise<boolean>;
  /** Milliseconds until Envoy has it. */
  untilLive(route: string): Promise<number>;
  stop(): Promise<void>;
}

/** Milliseconds; loose, because what is shown is that it ends. */
const liveWithin = { timeoutMs: 60_000, intervalMs: 20 };

/** Routes beside the two that stay; more make the file slower to read. */
const keptChanges = 4;

/** Starts it; the hook is called on this port of the loopback interface. */
export async function startDrillGateway(hookPort: number): Promise<DrillGateway> {
  const upstreams = [await startHttpUpstream('healthy'), await startHttpUpstream('berlin')];
  const port = await freePort();
  let routes: string[] = [];
  let changes = 0;
  const gateway = await startGateway({
    resources: resourcesOf(port, upstreams, routes),
    extensionManager: recommendedExtensionManager({ host: '127.0.0.1', port: hookPort }),
  });
  const traffic = startSteadyTraffic(
    [
      { port, host: 'healthy.example.com', status: 200, body: 'healthy\n' },
      { port, host: 'berlin.example.com', status: 503, body: 'Tunnel not online' },
    ],
    25,
  );
  const isLive = async (route: string): Promise<boolean> =>
    (await sendRequest({ port, host: `${route}.example.com` })).status === 200;
  return {
    traffic,
    port,
    isLive,
    change: async () => {
      const route = `change-${++changes}`;
      routes = [...routes, route].slice(-keptChanges);
      await gateway.updateResources(resourcesOf(port, upstreams, routes));
      return route;
    },
    untilLive: async (route) => {
      const started = performance.now();
      await waitFor(`${route} to be live`, () => isLive(route), liveWithin);
      return performance.now() - started;
    },
    stop: () => stopAll(traffic, gateway, upstreams),
  };
}

function resourcesOf(
  port: number,
  upstreams: readonly Upstream[],
  routes: readonly string[],
): string {
  const backends = upstreams.map((upstream) => backendYaml(upstream.name, upstream.port));
  const fixed = [httpRouteYaml('healthy', 'healthy'), httpRouteYaml('berlin', 'berlin')];
  const added = routes.map((name) => httpRouteYaml(name, 'healthy'));
  return [gatewayYaml(port), ...backends, ...fixed, ...added].join('---\n');
}

async function stopAll(
  traffic: SteadyTraffic,
  gateway: RunningGateway,
  upstreams: readonly Upstream[],
): Promise<void> {
  await traffic.stop();
  await gateway.stop();
  for (const upstream of upstreams) await upstream.stop();
}
