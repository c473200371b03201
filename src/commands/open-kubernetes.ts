import { resolve } from 'node:path';
import type { LoadedConfig } from '../config/load.ts';
import type { Config, KubernetesSourceConfig } from '../config/schema.ts';
import { GatewayRetrigger } from '../retrigger/gateway-retrigger.ts';
import { ApiServer } from '../state/kubernetes/api-server.ts';
import { ApiTransport } from '../state/kubernetes/api-transport.ts';
import { describeCounts, KubernetesSource } from '../state/kubernetes/kubernetes-source.ts';
import { type KubernetesReading, readKubernetesOnce } from '../state/kubernetes/read-once.ts';
import type { OpenState, Retrigger, Surroundings } from './open-state.ts';

/**
 * Starts to read the state from the Kubernetes API, and to annotate Gateways when it changes.
 * Throws OfframpError: file-unreadable, configuration-invalid.
 */
export async function openKubernetes(
  kubernetes: KubernetesSourceConfig,
  { config, folder }: LoadedConfig,
  { metrics, log }: Surroundings,
): Promise<OpenState> {
  const { namespaces } = kubernetes;
  const { api, origin } = await openApi(kubernetes, folder);
  const scope = { namespaces, ...backendRefScope(config) };
  log.info({ server: api.address, credentials: origin, namespaces }, 'reading Kubernetes objects');
  const source = new KubernetesSource({ api, ...scope, log });
  metrics.observeWatches(() => source.informers.states());
  if (!config.retrigger.gatewayAnnotation) {
    log.info({ retrigger: 'off' }, withoutRetrigger);
    return { source, retrigger: noRetrigger };
  }
  const viewSynced = source.whenSynced();
  const { view, backendRefs } = source;
  const knowing = { view, backendRefs, viewSynced };
  const retrigger = new GatewayRetrigger({ api, ...knowing, namespaces, metrics, log });
  metrics.observeWatches(() => retrigger.informers.states());
  return { source, retrigger };
}

const withoutRetrigger =
  'a change of state that Envoy Gateway does not see, or sees first, arrives with the next translation';

/** Brings nothing to Envoy, and says so. */
const noRetrigger: Retrigger = {
  watchCall: () => ({ answered: () => {}, end: () => {} }),
  checks: () => [{ name: 'retrigger', ok: true, detail: `off: ${withoutRetrigger}` }],
  stop: () => {},
};

/**
 * Reads the state from the Kubernetes API once. Throws OfframpError: file-unreadable,
 * configuration-invalid, cluster-unreadable.
 */
export async function readKubernetes(
  kubernetes: KubernetesSourceConfig,
  { config, folder }: LoadedConfig,
): Promise<KubernetesReading & { readonly summary: string }> {
  const { api, origin } = await openApi(kubernetes, folder);
  const { namespaces } = kubernetes;
  const reading = await readKubernetesOnce(api, { namespaces, ...backendRefScope(config) });
  return { ...reading, summary: `${api.address} (${origin}): ${describeCounts(reading.view)}` };
}

/** What is read of backendRefs, whatever the mode: a policy may say Rebalance where that says Keep. */
function backendRefScope({ emptyBackends }: Config) {
  return { countsEndpoints: emptyBackends.endpoints === 'slices' };
}

async function openApi(
  { kubeconfig }: KubernetesSourceConfig,
  folder: string,
): Promise<{ readonly api: ApiServer; readonly origin: string }> {
  const file = kubeconfig === undefined ? undefined : resolve(folder, kubeconfig);
  // The Kubernetes client is large: whoever has a state file does not wait for it.
  const { loadKubeConfig } = await import('../state/kubernetes/kube-config.ts');
  const { kubeConfig, origin } = loadKubeConfig(file);
  return { api: new ApiServer(new ApiTransport(kubeConfig)), origin };
}
