import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { type RunToEndOptions, runToEnd } from '../run-to-end.ts';
import { testbedToolPath } from '../testbed-cache.ts';
import { type ApiObjects, createApiObjects } from './api-objects.ts';
import { type ApiAccess, type ApiRequests, createApiRequests } from './api-server-requests.ts';
import {
  type ApiServer,
  type Authorization,
  type Etcd,
  prepareApiServer,
  startEtcd,
} from './control-plane.ts';
import { type Credentials, makeCredentials, writeKubeconfig } from './credentials.ts';
import { createEndpointSlices, type SetEndpoint } from './endpoint-slices.ts';

/** How a Kubernetes API is started. */
export interface KubernetesOptions {
  /** `AlwaysAllow` by default. */
  readonly authorization?: Authorization;
  /** Users that `kubeconfigFor` can be asked for: authenticated, with no role unless one is bound. */
  readonly users?: readonly string[];
}

/** Somebody other than the administrator. */
export type KubernetesIdentity =
  | { readonly user: string }
  | { readonly serviceAccount: string; readonly namespace: string };

/** A command line's further wishes. */
export interface CommandOptions extends Pick<RunToEndOptions, 'input'> {
  /** Whose rights it runs with; the administrator's by default. */
  readonly kubeconfig?: string;
}

/** A real etcd and a real kube-apiserver, without controllers: what a controller makes, a test makes. */
export interface RunningKubernetes extends ApiObjects {
  readonly url: string;
  /** The administrator's kubeconfig file. */
  readonly kubeconfig: string;
  /** The temporary folder of all files. */
  readonly folder: string;
  /** Writes a kubeconfig for somebody; a service account has to exist and gets an hour's token. */
  kubeconfigFor(identity: KubernetesIdentity): Promise<string>;
  /** Gives what kubectl printed; throws what it complained about when it fails. 50 to 100 ms each. */
  kubectl(args: readonly string[], options?: CommandOptions): Promise<string>;
  /** The same with helm, which keeps its own files in the temporary folder. */
  helm(args: readonly string[], options?: CommandOptions): Promise<string>;
  /** Says what stands behind a Service. */
  readonly setEndpoint: SetEndpoint;
  /** Ends the API server at once; etcd keeps the data. */
  stopApiServer(): Promise<void>;
  /** Starts it again, on the same port, and waits until it is ready. */
  startApiServer(): Promise<void>;
  /** Ends everything and removes the folder. Harmless when called again. */
  stop(): Promise<void>;
}

const tokenSchema = z.looseObject({ status: z.looseObject({ token: z.string() }) });

/** Starts the API on free ports of the loopback interface and waits until it is ready: about 3 seconds. */
export async function startKubernetes(options: KubernetesOptions = {}): Promise<RunningKubernetes> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'offramp-kubernetes-'));
  let etcd: Etcd | undefined;
  let server: ApiServer | undefined;
  const stop = async (): Promise<void> => {
    await server?.kill();
    await etcd?.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  try {
    const credentials = await makeCredentials(folder, options.users ?? []);
    etcd = await startEtcd(folder);
    server = await prepareApiServer({
      folder,
      etcd,
      credentials,
      authorization: options.authorization ?? 'AlwaysAllow',
    });
    await server.start();
    const admin = { url: server.url, ca: await server.ca(), token: credentials.adminToken };
    return await describeKubernetes({ folder, etcd, server, credentials, admin, stop });
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Parts {
  readonly folder: string;
  readonly etcd: Etcd;
  readonly server: ApiServer;
  readonly credentials: Credentials;
  readonly admin: ApiAccess;
  readonly stop: () => Promise<void>;
}

async function describeKubernetes(parts: Parts): Promise<RunningKubernetes> {
  const { folder, server, admin } = parts;
  const requests = createApiRequests(admin);
  const kubeconfig = path.join(folder, 'admin.kubeconfig');
  await writeKubeconfig(kubeconfig, admin);
  return {
    ...createApiObjects(requests),
    url: server.url,
    kubeconfig,
    folder,
    kubeconfigFor: async (identity) => {
      const token = await tokenOf(identity, parts.credentials, requests);
      const file = path.join(folder, `${Object.values(identity).join('.')}.kubeconfig`);
      await writeKubeconfig(file, { ...admin, token });
      return file;
    },
    kubectl: (args, options) =>
      runToEnd(testbedToolPath('kubectl'), args, {
        ...options,
        env: commandEnvironment(folder, options?.kubeconfig ?? kubeconfig),
      }),
    helm: (args, options) =>
      runToEnd(testbedToolPath('helm'), args, {
        ...options,
        env: commandEnvironment(folder, options?.kubeconfig ?? kubeconfig),
      }),
    setEndpoint: createEndpointSlices(parts.etcd),
    stopApiServer: server.kill,
    startApiServer: server.start,
    stop: async () => {
      requests.close();
      await parts.stop();
    },
  };
}

/** Neither program reads or writes anything in the home of whoever runs the tests. */
function commandEnvironment(folder: string, kubeconfig: string): Readonly<Record<string, string>> {
  return {
    KUBECONFIG: kubeconfig,
    KUBECACHEDIR: path.join(folder, 'kubectl'),
    KUBERC: 'off',
    HELM_CACHE_HOME: path.join(folder, 'helm', 'cache'),
    HELM_CONFIG_HOME: path.join(folder, 'helm', 'config'),
    HELM_DATA_HOME: path.join(folder, 'helm', 'data'),
  };
}

async function tokenOf(
  identity: KubernetesIdentity,
  credentials: Credentials,
  requests: ApiRequests,
): Promise<string> {
  if ('user' in identity) return credentials.userToken(identity.user);
  const { namespace, serviceAccount } = identity;
  const answer = await requests.send({
    method: 'POST',
    path: `/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccount}/token`,
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} },
  });
  return tokenSchema.parse(answer).status.token;
}
