import { resolve } from 'node:path';
import type { KubernetesSourceConfig } from '../config/schema.ts';
import { GatewayRetrigger } from '../retrigger/gateway-retrigger.ts';
import { ApiServer } from '../state/kubernetes/api-server.ts';
import { ApiTransport } from '../state/kubernetes/api-transport.ts';
import { loadKubeConfig } from '../state/kubernetes/kube-config.ts';
import { describeCounts, KubernetesSource } from '../state/kubernetes/kubernetes-source.ts';
import { type KubernetesReading, readKubernetesOnce } from '../state/kubernetes/read-once.ts';
import type { OpenState, Surroundings } from './open-state.ts';

/**
 * Starts to read the state from the Kubernetes API, and to annotate Gateways when it changes.
 * Throws OfframpError: file-unreadable, configuration-invalid.
 */
export function openKubernetes(
  config: KubernetesSourceConfig,
  annotatesGateways: boolean,
  folder: string,
  { metrics, log }: Surroundings,
): OpenState {
  const { namespaces } = config;
  const { api, origin } = openApi(config, folder);
  log.info({ server: api.address, credentials: origin, namespaces }, 'reading Kubernetes objects');
  const source = new KubernetesSource({ api, namespaces, log });
  metrics.observeWatches(() => source.informers.states());
  if (!annotatesGateways) return { source, retrigger: undefined };
  const viewSynced = source.whenSynced();
  const { view } = source;
  const retrigger = new GatewayRetrigger({ api, view, viewSynced, namespaces, metrics, log });
  metrics.observeWatches(() => retrigger.informers.states());
  return { source, retrigger };
}

/**
 * Reads the state from the Kubernetes API once. Throws OfframpError: file-unreadable,
 * configuration-invalid, cluster-unreadable.
 */
export async function readKubernetes(
  config: KubernetesSourceConfig,
  folder: string,
): Promise<KubernetesReading & { readonly summary: string }> {
  const { api, origin } = openApi(config, folder);
  const reading = await readKubernetesOnce(api, config.namespaces);
  return { ...reading, summary: `${api.address} (${origin}): ${describeCounts(reading.view)}` };
}

function openApi(
  { kubeconfig }: KubernetesSourceConfig,
  folder: string,
): { readonly api: ApiServer; readonly origin: string } {
  const file = kubeconfig === undefined ? undefined : resolve(folder, kubeconfig);
  const { kubeConfig, origin } = loadKubeConfig(file);
  return { api: new ApiServer(new ApiTransport(kubeConfig)), origin };
}
