import { recommendedExtensionManager } from './extension-manager.ts';
import { type RecordingServer, startControlPlane, startVm } from './fallback-kernel/servers.ts';
import { type RunningGateway, startGateway } from './gateway.ts';
import { type OfframpProcess, startOfframpProcess } from './offramp.ts';

/** A real Envoy Gateway with Offramp, between a VM and a control plane. */
export interface FallbackScene {
  readonly vm: RecordingServer;
  readonly controlPlane: RecordingServer;
  readonly gateway: RunningGateway;
  readonly offramp: OfframpProcess;
  /** How many requests reached the VM and the control plane since the last call. */
  reached(): readonly [vm: number, controlPlane: number];
  /** The reasons for which Offramp has left opted-in routes alone, each with its detail. */
  skips(): readonly string[];
  stop(): Promise<void>;
}

/** What stands behind the gateway. */
export interface SceneServers {
  readonly vm: RecordingServer;
  readonly controlPlane: RecordingServer;
}

/** What differs from one scene to another. */
export interface SceneOptions {
  /** Names of the HTTPRoutes that are opted in. */
  readonly optedIn: readonly string[];
  /** Instead of the cluster of the HTTPRoute `api`. */
  readonly controlPlane?: (servers: SceneServers) => object;
  /** All of Envoy Gateway’s resources, as YAML. */
  readonly resources: (servers: SceneServers) => readonly string[];
  /** Instead of servers without TLS. */
  readonly servers?: () => Promise<SceneServers>;
  /** Further fields of the EnvoyGateway configuration. */
  readonly configuration?: Readonly<Record<string, unknown>>;
}

/** Starts all of it. */
export async function startFallbackScene(options: SceneOptions): Promise<FallbackScene> {
  const { servers = startPlainServers, optedIn, configuration = {} } = options;
  const { vm, controlPlane } = await servers();
  const address = options.controlPlane ?? (() => ({ cluster: 'httproute/default/api/rule/0' }));
  const offramp = await startOfframpProcess(
    {},
    {
      controlPlaneFallback: {
        routes: optedIn.map((name) => ({ name })),
        controlPlane: address({ vm, controlPlane }),
      },
    },
  );
  const stopServers = async () => {
    for (const one of [offramp, vm, controlPlane]) await one.stop();
  };
  const gateway = await startGateway({
    resources: options.resources({ vm, controlPlane }).join('---\n'),
    extensionManager: recommendedExtensionManager({ host: '127.0.0.1', port: offramp.port }),
    configuration,
  }).catch(async (error: unknown) => {
    await stopServers();
    throw error;
  });
  return {
    vm,
    controlPlane,
    gateway,
    offramp,
    reached: () => [vm.take().length, controlPlane.take().length],
    skips: () => offramp.log().flatMap(({ skips }) => (skips === undefined ? [] : texts(skips))),
    stop: async () => {
      await gateway.stop();
      await stopServers();
    },
  };
}

async function startPlainServers(): Promise<SceneServers> {
  return { vm: await startVm(), controlPlane: await startControlPlane() };
}

function texts(skips: unknown): string[] {
  return Array.isArray(skips) ? skips.map((skip) => JSON.stringify(skip)) : [JSON.stringify(skips)];
}
