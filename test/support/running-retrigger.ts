import { KubeConfig } from '@kubernetes/client-node';
import { pino } from 'pino';
import type { TestContext } from 'vitest';
import { Metrics } from '../../src/observe/metrics.ts';
import { generationAnnotation } from '../../src/retrigger/gateway-objects.ts';
import { GatewayRetrigger } from '../../src/retrigger/gateway-retrigger.ts';
import { ApiServer } from '../../src/state/kubernetes/api-server.ts';
import { ApiTransport } from '../../src/state/kubernetes/api-transport.ts';
import { KubernetesSource } from '../../src/state/kubernetes/kubernetes-source.ts';
import { KubernetesApiDouble } from './kubernetes-api.ts';
import { connector, gateway, httpProxy, httpRoute } from './kubernetes-objects.ts';
import { type LogLine, logSink } from './running-server.ts';

/** An API with every kind; Gateway `a/eg` has the route `a/shop`, which is behind `a/berlin`. */
export async function startGatewayApi({
  onTestFinished,
}: TestContext): Promise<KubernetesApiDouble> {
  const api = new KubernetesApiDouble();
  api.install('httpproxies', 'connectors', 'httproutes', 'gateways');
  api.put('gateways', gateway('a', 'eg'));
  api.put('httproutes', httpRoute('a', 'shop', 'eg'));
  api.put('httpproxies', httpProxy('a', 'shop', 'berlin'));
  api.put('connectors', connector('a', 'berlin', true));
  await api.start();
  onTestFinished(() => api.stop());
  return api;
}

/** A Kubernetes source and its retrigger, as one Offramp has them. */
export async function startRetrigger(api: KubernetesApiDouble, { onTestFinished }: TestContext) {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromString(api.kubeconfig());
  const logged: LogLine[] = [];
  const log = pino({ base: null }, logSink(logged));
  const server = new ApiServer(new ApiTransport(kubeConfig));
  const source = new KubernetesSource({
    api: server,
    namespaces: [],
    countsEndpoints: true,
    log,
  });
  const metrics = new Metrics('offramp');
  const retrigger = new GatewayRetrigger({
    api: server,
    view: source.view,
    backendRefs: source.backendRefs,
    viewSynced: source.whenSynced(),
    namespaces: [],
    metrics,
    log,
  });
  onTestFinished(() => {
    retrigger.stop();
    source.stop();
  });
  await Promise.all([source.whenSynced(), retrigger.informers.whenSettled()]);
  const counted = async (outcome: string) => {
    const { values } = await metrics.retriggers.get();
    return values.find(({ labels }) => labels.outcome === outcome)?.value;
  };
  const corrected = async (outcome: string) => {
    const { values } = await metrics.selfCorrections.get();
    return values.find(({ labels }) => labels.outcome === outcome)?.value;
  };
  return { source, retrigger, logged, counted, corrected };
}

/** The annotation that a Gateway has now. */
export function annotationOf(api: KubernetesApiDouble, namespace: string, name: string) {
  const annotations = api.get('gateways', namespace, name)?.metadata.annotations;
  return annotations?.[generationAnnotation] ?? undefined;
}
