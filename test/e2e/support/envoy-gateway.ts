import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import { type StartedProcess, type StartOptions, startProcess } from './child-process.ts';
import { fetchJson, findEnvoys, type RunningEnvoy } from './envoy-admin.ts';
import { acceptsConnections, freePort } from './free-ports.ts';
import { GATEWAY_FOLDER_PREFIX, type GatewayTurn, takeGatewayTurn } from './gateway-turn.ts';
import { testbedToolPath } from './testbed-cache.ts';
import { type EnvoyGatewayRelease, TESTBED_RELEASE } from './testbed-versions.ts';
import { type WaitOptions, waitFor } from './wait-for.ts';

/** What Envoy Gateway is started with, wherever its resources come from. */
export interface EnvoyGatewayOptions {
  /** Which Envoy Gateway, with its Envoy; TESTBED_RELEASE by default. */
  readonly release?: EnvoyGatewayRelease;
  /** As in the EnvoyGateway configuration; `recommendedExtensionManager` makes one. */
  readonly extensionManager?: Readonly<Record<string, unknown>> | undefined;
  /** Further top-level fields of the EnvoyGateway configuration, such as `runtimeFlags`. */
  readonly configuration?: Readonly<Record<string, unknown>>;
  /**
   * Ports at which Envoy must accept connections before the start returns. The default is every TCP
   * listener of every Gateway; `[]` returns at once, with no Envoy perhaps.
   */
  readonly awaitPorts?: readonly number[];
  /** Milliseconds until Envoy listens; 60,000 by default. */
  readonly timeoutMs?: number;
  /** Gives up the start, and removes what there is of it by then. */
  readonly signal?: AbortSignal;
}

/** Envoy Gateway and the Envoys below it. */
export interface RunningEnvoyGateway {
  /** Admin base URL of the first Envoy, by Gateway name; empty while there is none. */
  readonly envoyAdmin: string;
  /** All Envoys: one for each Gateway, or one for all of them when they are merged. */
  envoys(): Promise<readonly RunningEnvoy[]>;
  /** Envoy's whole configuration, endpoints included, of the first or the named Gateway. */
  configDump(gateway?: string): Promise<unknown>;
  /** Waits until the configuration of the first or the named Gateway satisfies `accept`. */
  waitForConfig(what: string, accept: (dump: string) => boolean, gateway?: string): Promise<void>;
  /** The last part of what Envoy Gateway and Envoy printed; still there after `stop`. */
  logs(): string;
  /** The process id of Envoy Gateway. */
  readonly pid: number;
  /** Its temporary folder. */
  readonly folder: string;
  /** Ends Envoy Gateway and each Envoy, and removes their folder. */
  stop(): Promise<void>;
}

/** The folders of one Envoy Gateway. */
export interface GatewayFolders {
  readonly root: string;
  readonly resources: string;
  readonly config: string;
  readonly data: string;
  readonly state: string;
  readonly runtime: string;
}

/** Where the resources come from, and what that takes. */
export interface ResourceProvider {
  /** The `provider.custom.resource` of the EnvoyGateway configuration. */
  readonly resource: Readonly<Record<string, unknown>>;
  /** The ports of the TCP listeners of all Gateways. */
  readonly listenerPorts: readonly number[];
  readonly env?: Readonly<Record<string, string>>;
  /** Words to put in front of the command line of Envoy Gateway. */
  readonly through?: readonly string[];
}

/** What tells one way of starting Envoy Gateway from another. */
export interface EnvoyGatewayPlan extends EnvoyGatewayOptions {
  /** The ports that this Envoy Gateway binds and that cannot be moved. */
  readonly fixedPorts: readonly number[];
  /** Makes certificates and the like; Envoy Gateway starts when it returns. */
  readonly prepare: (folders: GatewayFolders) => Promise<ResourceProvider>;
}

const START_TIMEOUT_MS = 60_000;
const CONFIG_TIMEOUT_MS = 30_000;

/**
 * Starts a real Envoy Gateway with host infrastructure in a temporary folder of its own, and waits
 * until Envoy serves. One at a time on a machine: a second call waits until the first is stopped.
 */
export async function startEnvoyGateway(plan: EnvoyGatewayPlan): Promise<RunningEnvoyGateway> {
  const turn = await takeGatewayTurn(plan.fixedPorts, plan.signal);
  let folders: GatewayFolders | undefined;
  let server: StartedProcess | undefined;
  try {
    folders = await makeFolders(plan.release ?? TESTBED_RELEASE);
    const provider = await plan.prepare(folders);
    server = await startServer(folders, provider, plan);
    turn.remember({ envoyGatewayPid: server.pid, folder: folders.root });
    const ports = plan.awaitPorts ?? provider.listenerPorts;
    const { timeoutMs = START_TIMEOUT_MS, signal } = plan;
    await waitUntilServing(server, folders, ports, { timeoutMs, signal });
    const first = (await findEnvoys(folders.runtime))[0];
    return describeGateway(turn, folders, server, first?.admin ?? '');
  } catch (error) {
    await server?.stop();
    if (folders !== undefined) await removeFolders(folders);
    turn.release();
    throw error;
  }
}

async function makeFolders(release: EnvoyGatewayRelease): Promise<GatewayFolders> {
  const root = await mkdtemp(GATEWAY_FOLDER_PREFIX);
  const folders: GatewayFolders = {
    root,
    resources: path.join(root, 'resources'),
    config: path.join(root, 'config'),
    data: path.join(root, 'data'),
    state: path.join(root, 'state'),
    runtime: path.join(root, 'runtime'),
  };
  for (const folder of Object.values(folders)) await mkdir(folder, { recursive: true });
  // With a link of this name in place Envoy Gateway does not try to download Envoy.
  const bin = path.join(folders.data, 'envoy-versions', release.envoyWanted, 'bin');
  await mkdir(bin, { recursive: true });
  await symlink(testbedToolPath('envoy', release), path.join(bin, 'envoy'));
  // Envoy Gateway 1.9.1 cannot tell which one it wants; what this file names is taken then.
  await writeFile(path.join(folders.config, 'envoy-version'), release.envoyWanted);
  return folders;
}

async function removeFolders(folders: GatewayFolders): Promise<void> {
  await rm(folders.root, { recursive: true, force: true, maxRetries: 3 });
}

async function startServer(
  folders: GatewayFolders,
  provider: ResourceProvider,
  options: EnvoyGatewayOptions,
): Promise<StartedProcess> {
  const configuration = path.join(folders.root, 'envoy-gateway.yaml');
  const content = await envoyGatewayConfiguration(folders, provider, options);
  await writeFile(configuration, stringify(content));
  const tool = testbedToolPath('envoy-gateway', options.release);
  const program = [tool, 'server', '--config-path', configuration];
  return startProcess({
    name: 'Envoy Gateway',
    ...commandLine([...(provider.through ?? []), ...program]),
    cwd: folders.root,
    env: provider.env ?? {},
  });
}

function commandLine(words: readonly string[]): Pick<StartOptions, 'command' | 'args'> {
  const [command = '', ...args] = words;
  return { command, args };
}

async function envoyGatewayConfiguration(
  folders: GatewayFolders,
  { resource }: ResourceProvider,
  { extensionManager, configuration }: EnvoyGatewayOptions,
): Promise<Readonly<Record<string, unknown>>> {
  return {
    apiVersion: 'gateway.envoyproxy.io/v1alpha1',
    kind: 'EnvoyGateway',
    gateway: { controllerName: 'gateway.envoyproxy.io/gatewayclass-controller' },
    provider: {
      type: 'Custom',
      custom: {
        resource,
        infrastructure: {
          type: 'Host',
          host: {
            configHome: folders.config,
            dataHome: folders.data,
            stateHome: folders.state,
            runtimeDir: folders.runtime,
          },
        },
      },
    },
    admin: { address: { host: '127.0.0.1', port: await freePort() } },
    // Metrics would be served on 0.0.0.0:19001, which cannot be moved.
    telemetry: { metrics: { prometheus: { disable: true } } },
    logging: { level: { default: 'info' } },
    extensionApis: { enableBackend: true },
    // Envoys with hot restart share a socket name: the second on a machine would end at once. (For a
    // GatewayClass or Gateway with an EnvoyProxy of its own these settings do not count.)
    envoyProxy: { extraArgs: ['--disable-hot-restart'], concurrency: 1 },
    ...(extensionManager === undefined ? {} : { extensionManager }),
    ...configuration,
  };
}

/** Envoy opens a listener only once it has the routes and clusters that belong to it. */
async function waitUntilServing(
  server: StartedProcess,
  folders: GatewayFolders,
  ports: readonly number[],
  deadline: WaitOptions,
): Promise<void> {
  const probe = async (): Promise<boolean | undefined> => {
    if (server.ending() !== undefined) return true;
    const accepting = await Promise.all(ports.map(acceptsConnections));
    if (accepting.includes(false)) return undefined;
    return ports.length === 0 || (await findEnvoys(folders.runtime)).length > 0;
  };
  try {
    await waitFor(`Envoy to listen on ${ports.join(', ')}`, probe, deadline);
  } catch (cause) {
    throw new Error(`testbed: Envoy does not serve:\n${server.log().slice(-8_000)}`, { cause });
  }
  const ending = server.ending();
  if (ending !== undefined) {
    throw new Error(`testbed: Envoy Gateway ended with ${ending}:\n${server.log().slice(-8_000)}`);
  }
}

function describeGateway(
  turn: GatewayTurn,
  folders: GatewayFolders,
  server: StartedProcess,
  envoyAdmin: string,
): RunningEnvoyGateway {
  const envoys = (): Promise<readonly RunningEnvoy[]> => findEnvoys(folders.runtime);
  const configDump = async (gateway?: string): Promise<unknown> => {
    const running = await envoys();
    const chosen = running.find((envoy) => gateway === undefined || envoy.gateway === gateway);
    if (chosen === undefined) throw new Error(`testbed: no Envoy serves ${gateway ?? 'at all'}`);
    return fetchJson(chosen.admin, '/config_dump?include_eds');
  };
  return {
    envoyAdmin,
    pid: server.pid,
    folder: folders.root,
    envoys,
    configDump,
    waitForConfig: async (what, accept, gateway) => {
      const probe = async (): Promise<boolean> => accept(JSON.stringify(await configDump(gateway)));
      await waitFor(what, probe, { timeoutMs: CONFIG_TIMEOUT_MS });
    },
    logs: server.log,
    stop: async () => {
      await server.stop();
      await removeFolders(folders);
      turn.release();
    },
  };
}
