import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { type StartedProcess, startProcess } from '../child-process.ts';
import { freePort } from '../free-ports.ts';
import { testbedToolPath } from '../testbed-cache.ts';
import type { TestbedTool } from '../testbed-recipes.ts';
import { waitFor } from '../wait-for.ts';
import { type ApiAccess, createApiRequests } from './api-server-requests.ts';
import type { Credentials } from './credentials.ts';

/** Who may do what: everyone everything, or what roles say. */
export type Authorization = 'AlwaysAllow' | 'RBAC';

/** A running etcd. */
export interface Etcd {
  readonly url: string;
  stop(): Promise<void>;
}

/** A kube-apiserver that can be ended and started again with the same port and data. */
export interface ApiServer {
  readonly url: string;
  /** The certificate that vouches for it, as PEM. */
  ca(): Promise<string>;
  /** Returns when it is ready; harmless when it runs. */
  start(): Promise<void>;
  /** Ends it at once, as a crash would: clients see their connections break. */
  kill(): Promise<void>;
}

/** What a kube-apiserver is started with. */
export interface ApiServerOptions {
  readonly folder: string;
  readonly etcd: Etcd;
  readonly credentials: Credentials;
  readonly authorization: Authorization;
}

const START_TIMEOUT_MS = 60_000;

/** Starts etcd on free ports with its data in `folder`. */
export async function startEtcd(folder: string): Promise<Etcd> {
  const url = await freeUrl('http');
  const peers = await freeUrl('http');
  const server = await startTool('etcd', [
    ['--data-dir', path.join(folder, 'etcd')],
    ['--listen-client-urls', url],
    ['--advertise-client-urls', url],
    ['--listen-peer-urls', peers],
    ['--initial-advertise-peer-urls', peers],
    ['--initial-cluster', `default=${peers}`],
    // The data do not outlive the test, and flushing them is what takes the time.
    ['--unsafe-no-fsync', 'true'],
  ]);
  // Nothing is to be saved, so nothing is to be waited for.
  return { url, stop: () => server.stop(0) };
}

/** Takes a port for an API server and gives the means to start and end it there. */
export async function prepareApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const url = await freeUrl('https');
  const certificates = path.join(options.folder, 'certificates');
  await mkdir(certificates, { recursive: true });
  // Self-signed at the first start and kept for the next ones.
  const ca = (): Promise<string> => readFile(path.join(certificates, 'apiserver.crt'), 'utf8');
  let server: StartedProcess | undefined;
  return {
    url,
    ca,
    start: async () => {
      if (server !== undefined) return;
      server = await startTool('kube-apiserver', flagsOf(options, url, certificates));
      const token = options.credentials.adminToken;
      await waitUntilReady(server, async () => isReady({ url, token, ca: await ca() }));
    },
    kill: async () => {
      await server?.stop(0);
      server = undefined;
    },
  };
}

type Flags = readonly (readonly [flag: string, value: string])[];

function flagsOf(options: ApiServerOptions, url: string, certificates: string): Flags {
  const { tokenFile, signingKeyFile } = options.credentials;
  return [
    ['--etcd-servers', options.etcd.url],
    ['--bind-address', '127.0.0.1'],
    ['--advertise-address', '127.0.0.1'],
    ['--secure-port', new URL(url).port],
    ['--cert-dir', certificates],
    ['--authorization-mode', options.authorization],
    ['--token-auth-file', tokenFile],
    ['--service-account-issuer', 'https://kubernetes.default.svc.cluster.local'],
    ['--service-account-key-file', signingKeyFile],
    ['--service-account-signing-key-file', signingKeyFile],
    ['--service-cluster-ip-range', '10.96.0.0/16'],
    // It would give the Service `kubernetes` a loopback endpoint, which the API server itself refuses.
    ['--endpoint-reconciler-type', 'none'],
    // It waits for service accounts that a controller makes, and there are no controllers.
    ['--disable-admission-plugins', 'ServiceAccount'],
  ];
}

/** Starts a tool that dies with this process, even when that has no time for its teardown. */
function startTool(tool: TestbedTool, flags: Flags): Promise<StartedProcess> {
  return startProcess({
    name: tool,
    command: 'setpriv',
    args: [
      ...['--pdeathsig', 'KILL', '--', testbedToolPath(tool)],
      ...flags.map(([flag, value]) => `${flag}=${value}`),
    ],
  });
}

/** The namespace is made after the start, and most objects need one. */
async function isReady(access: ApiAccess): Promise<boolean> {
  const requests = createApiRequests(access);
  try {
    await requests.send({ method: 'GET', path: '/readyz' });
    await requests.send({ method: 'GET', path: '/api/v1/namespaces/default' });
    return true;
  } finally {
    requests.close();
  }
}

async function waitUntilReady(
  server: StartedProcess,
  ready: () => Promise<boolean>,
): Promise<void> {
  const probe = async (): Promise<boolean> => server.ending() !== undefined || (await ready());
  try {
    await waitFor(`${server.name} to be ready`, probe, {
      timeoutMs: START_TIMEOUT_MS,
      intervalMs: 50,
    });
  } catch (cause) {
    throw new Error(`testbed: ${server.name} is not ready:\n${server.log().slice(-8_000)}`, {
      cause,
    });
  }
  const ending = server.ending();
  if (ending !== undefined) {
    throw new Error(`testbed: ${server.name} ended with ${ending}:\n${server.log().slice(-8_000)}`);
  }
}

async function freeUrl(scheme: 'http' | 'https'): Promise<string> {
  return `${scheme}://127.0.0.1:${await freePort()}`;
}
