import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { makeCertificate } from '../certificate.ts';
import { recommendedExtensionManager } from '../extension-manager.ts';
import { freePort } from '../free-ports.ts';
import { type RunningGateway, startGateway } from '../gateway.ts';
import { startOfframpProcess } from '../offramp.ts';
import { hostOf, type MatrixListeners, matrixResources } from './resources.ts';
import { type StreamingServer, startControlPlane, startTrailingVm, startVm } from './servers.ts';

/** What differs from one matrix to another. */
export interface MatrixOptions {
  /** Names of routes to the VM; `vm` by default. */
  readonly vms?: readonly string[];
  /** Names of routes to a VM that speaks HTTP/2 and sends trailers. */
  readonly overHttp2?: readonly string[];
  /** Names of routes to VMs that refuse connections. */
  readonly refusing?: readonly string[];
  readonly rememberFor?: string;
  /** More resources; they may name the routes. */
  readonly resources?: readonly object[];
  /** Further filters of the control plane's route, as YAML list entries on a line each. */
  readonly apiFilters?: readonly string[];
}

/** A real Envoy Gateway with Offramp, whose Envoy has two workers, between real servers. */
export interface Matrix {
  readonly listeners: MatrixListeners;
  /** The certificate of the HTTPS listeners, in PEM. */
  readonly ca: string;
  readonly vm: StreamingServer;
  readonly controlPlane: StreamingServer;
  readonly gateway: RunningGateway;
  /** The access log so far, in Envoy Gateway's own format. */
  accessLog(): Promise<readonly Readonly<Record<string, unknown>>[]>;
  stop(): Promise<void>;
}

/** What Envoy remembers outlives a test, so no two sessions may be the same. */
export const newSession = (): string => randomUUID();

/** Starts all of it. */
export async function startMatrix(options: MatrixOptions = {}): Promise<Matrix> {
  const {
    vms = ['vm'],
    overHttp2 = [],
    refusing = [],
    resources = [],
    rememberFor = '5m',
    apiFilters = [],
  } = options;
  const names = [...vms, ...overHttp2, ...refusing];
  const certificate = await makeCertificate(...names.map(hostOf));
  const vm = await startVm();
  const controlPlane = await startControlPlane();
  const trailing = await startTrailingVm();
  const offramp = await startOfframpProcess(
    {},
    {
      controlPlaneFallback: {
        routes: names.map((name) => ({ name })),
        controlPlane: { cluster: 'httproute/default/api/rule/0' },
        rememberFor,
      },
    },
  );
  const listeners: MatrixListeners = {
    fallback: await freePort(),
    plain: await freePort(),
    direct: await freePort(),
    https: await freePort(),
    plainHttps: await freePort(),
    directHttps: await freePort(),
  };
  const places = {
    listeners,
    controlPlane: controlPlane.port,
    apiFilters,
    vms: [
      ...vms.map((name) => ({ name, backend: vm.port })),
      ...overHttp2.map((name) => ({ name, backend: trailing.port, isHttp2: true })),
      ...(await Promise.all(refusing.map(async (name) => ({ name, backend: await freePort() })))),
    ],
  };
  const accessLogFile = join(tmpdir(), `offramp-access-${randomUUID()}.log`);
  const stopServers = async () => {
    for (const one of [offramp, vm, trailing, controlPlane]) await one.stop();
    await rm(accessLogFile, { force: true });
  };
  const gateway = await startGateway({
    resources: [
      ...matrixResources(places, certificate),
      ...resources.map((resource) => stringify(resource)),
    ].join('---\n'),
    extensionManager: recommendedExtensionManager({ host: '127.0.0.1', port: offramp.port }),
    configuration: {
      envoyProxy: envoyProxy(accessLogFile),
      extensionApis: { enableBackend: true, enableLua: true },
    },
  }).catch(async (error: unknown) => {
    await stopServers();
    throw error;
  });
  return {
    listeners,
    ca: certificate.cert,
    vm,
    controlPlane,
    gateway,
    accessLog: async () => parseLines(await readFile(accessLogFile, 'utf8')),
    stop: async () => {
      await gateway.stop();
      await stopServers();
    },
  };
}

function envoyProxy(accessLogFile: string): object {
  const sinks = [{ type: 'File', file: { path: accessLogFile } }];
  return {
    extraArgs: ['--disable-hot-restart'],
    concurrency: 2,
    telemetry: { accessLog: { settings: [{ sinks }] } },
  };
}

function parseLines(text: string): Readonly<Record<string, unknown>>[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}
