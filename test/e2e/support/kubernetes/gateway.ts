import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import {
  type EnvoyGatewayOptions,
  type GatewayFolders,
  type RunningEnvoyGateway,
  startEnvoyGateway,
} from '../envoy-gateway.ts';
import { expectedGateways } from '../gateway-resources.ts';
import { runToEnd } from '../run-to-end.ts';
import { testbedToolPath } from '../testbed-cache.ts';
import type { RunningKubernetes } from './kubernetes.ts';

/** What an Envoy Gateway on Kubernetes resources is started with. */
export interface GatewayOnKubernetesOptions extends EnvoyGatewayOptions {
  /** With Envoy Gateway's CRDs. Apply the resources before the start; later changes follow by themselves. */
  readonly kubernetes: RunningKubernetes;
}

const NAMESPACE = 'envoy-gateway-system';
// Its xDS server, and those of the Kubernetes controller in it: metrics, health probe and webhook. When one
// of these is taken, Envoy Gateway goes on without reading any resource.
const FIXED_PORTS = [18_000, 8_080, 8_081, 9_443];
const secretSchema = z.looseObject({ data: z.record(z.string(), z.string()) });

/**
 * Starts a real Envoy Gateway whose resources come from the Kubernetes API, with Envoys as processes
 * of this machine. Otherwise as `startGateway`, and in turn with it.
 */
export async function startGatewayOnKubernetes(
  options: GatewayOnKubernetesOptions,
): Promise<RunningEnvoyGateway> {
  const { kubernetes } = options;
  return startEnvoyGateway({
    ...options,
    fixedPorts: FIXED_PORTS,
    prepare: async (folders) => {
      const certs = await generateCertificates(kubernetes, folders);
      const gateways = await kubernetes.list('gateway.networking.k8s.io/v1', 'Gateway');
      return {
        // There is one of it, and without an election it outlives an API server that is away.
        resource: { type: 'Kubernetes', kubernetes: { leaderElection: { disable: true } } },
        listenerPorts: expectedGateways(gateways).ports,
        env: { KUBECONFIG: kubernetes.kubeconfig, ENVOY_GATEWAY_NAMESPACE: NAMESPACE },
        through: await withCerts(certs, folders),
      };
    },
  });
}

/** As an installation does it: a job makes the secrets, and pods find them as files. */
async function generateCertificates(
  kubernetes: RunningKubernetes,
  folders: GatewayFolders,
): Promise<string> {
  await kubernetes.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } }]);
  await runToEnd(
    testbedToolPath('envoy-gateway'),
    ['certgen', '--overwrite', '--disable-topology-injector'],
    { env: { KUBECONFIG: kubernetes.kubeconfig, ENVOY_GATEWAY_NAMESPACE: NAMESPACE } },
  );
  const certs = path.join(folders.root, 'certs');
  await writeSecret(kubernetes, 'envoy-gateway', certs);
  await writeSecret(kubernetes, 'envoy', path.join(folders.config, 'certs', 'envoy'));
  return certs;
}

async function writeSecret(
  kubernetes: RunningKubernetes,
  name: string,
  folder: string,
): Promise<void> {
  const secret = { apiVersion: 'v1', kind: 'Secret', name, namespace: NAMESPACE };
  const { data } = secretSchema.parse(await kubernetes.get(secret));
  await mkdir(folder, { recursive: true });
  for (const [file, content] of Object.entries(data)) {
    await writeFile(path.join(folder, file), Buffer.from(content, 'base64'), { mode: 0o600 });
  }
}

/** The words that put the certificates where Envoy Gateway looks for them: /certs, which is not ours. */
async function withCerts(certs: string, { root }: GatewayFolders): Promise<readonly string[]> {
  const script = path.join(import.meta.dirname, 'with-certs.sh');
  const newRoot = path.join(root, 'root');
  await mkdir(newRoot);
  return ['unshare', '--user', '--map-root-user', '--mount', 'sh', script, certs, newRoot];
}
