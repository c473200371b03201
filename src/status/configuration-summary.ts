import type { Config } from '../config/schema.ts';

/** One thing that the configuration says. */
export interface Setting {
  readonly option: string;
  readonly value: string;
}

/**
 * What the configuration says about what Offramp does. A list of what may be shown, so that an option
 * that comes later does not show by itself; of headers, only the names.
 */
export function summarizeConfiguration(config: Config): readonly Setting[] {
  const { grpc, http, mode, log, metrics, connectors, emptyBackends } = config;
  const { offlineResponse, internalListener } = connectors;
  const headers = Object.keys(offlineResponse.headers);
  return [
    { option: 'mode', value: mode },
    { option: 'grpc.address', value: grpc.address },
    { option: 'grpc.tls', value: describeTls(config) },
    { option: 'http.address', value: http.address },
    { option: 'state', value: describeState(config) },
    { option: 'retrigger', value: describeRetrigger(config) },
    { option: 'connectors.offlineResponse.status', value: String(offlineResponse.status) },
    { option: 'connectors.offlineResponse.headers', value: headers.join(', ') || 'none' },
    { option: 'connectors.internalListener', value: internalListener },
    { option: 'emptyBackends.mode', value: emptyBackends.mode },
    { option: 'emptyBackends.endpoints', value: emptyBackends.endpoints },
    { option: 'controlPlaneFallback.routes', value: describeFallback(config) },
    { option: 'log.level', value: log.level },
    { option: 'metrics.prefix', value: metrics.prefix },
  ];
}

function describeTls({ grpc: { tls } }: Config): string {
  if (tls === undefined) return 'off: plain text';
  if (tls.clientCAFile === undefined) return 'TLS, any client';
  const { allowedSANs } = tls;
  return `mutual TLS, ${allowedSANs.length === 0 ? 'any client of the CA' : allowedSANs.join(', ')}`;
}

function describeState({ state: { file, kubernetes } }: Config): string {
  if (kubernetes === undefined) return `file ${file?.path ?? ''}`;
  const { namespaces } = kubernetes;
  return namespaces.length === 0
    ? 'Kubernetes, all namespaces'
    : `Kubernetes, namespaces ${namespaces.join(', ')}`;
}

function describeRetrigger({ state, retrigger }: Config): string {
  if (state.kubernetes === undefined) return retrigger.folder ?? 'off';
  return retrigger.gatewayAnnotation ? 'annotation of Gateways' : 'off';
}

function describeFallback({ controlPlaneFallback: { routes } }: Config): string {
  if (routes.length === 0) return 'none; policies may opt routes in';
  return routes.map(({ kind, namespace, name }) => `${kind} ${namespace}/${name}`).join(', ');
}
