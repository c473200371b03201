import { stringify } from 'yaml';
import type { Certificate } from './certificate.ts';
import { backendRef } from './security-policies.ts';

const gatewayApi = 'gateway.networking.k8s.io/v1';

/** A listener of a Gateway; with a Secret’s name, one of HTTPS. */
export interface SceneListener {
  readonly name: string;
  readonly port: number;
  readonly hostname?: string;
  readonly secret?: string;
}

/** What an HTTPRoute serves, and from where. */
export interface ServedPath {
  /** Listeners of the Gateway `eg`; those of another one as `<gateway>/<listener>`. */
  readonly listeners: readonly string[];
  readonly hosts: readonly string[];
  readonly path: string;
  readonly backend: string;
  readonly filters?: readonly object[];
}

/** The GatewayClass `eg`, as YAML; with an EnvoyProxy of the same name when it says something. */
export function gatewayClassYaml(envoyProxy?: object): string {
  const controllerName = 'gateway.envoyproxy.io/gatewayclass-controller';
  const named = { group: 'gateway.envoyproxy.io', kind: 'EnvoyProxy', namespace: 'default' };
  const parametersRef = { ...named, name: 'eg' };
  const gatewayClass = stringify({
    apiVersion: gatewayApi,
    kind: 'GatewayClass',
    metadata: { name: 'eg' },
    spec: envoyProxy === undefined ? { controllerName } : { controllerName, parametersRef },
  });
  if (envoyProxy === undefined) return gatewayClass;
  const parameters = stringify({
    apiVersion: 'gateway.envoyproxy.io/v1alpha1',
    kind: 'EnvoyProxy',
    metadata: { name: 'eg', namespace: 'default' },
    spec: envoyProxy,
  });
  return `${gatewayClass}---\n${parameters}`;
}

/** What an EnvoyProxy says that is enough for a test: one Envoy for each Gateway of its class. */
export const separateGateways = {
  extraArgs: ['--disable-hot-restart'],
  concurrency: 1,
};

/** The same with one Envoy for all Gateways of its class. */
export const mergedGateways = { ...separateGateways, mergeGateways: true };

/** A Gateway of that class in the default namespace, as YAML. */
export function listenersYaml(listeners: readonly SceneListener[], name = 'eg'): string {
  return stringify({
    apiVersion: gatewayApi,
    kind: 'Gateway',
    metadata: { name, namespace: 'default' },
    spec: {
      gatewayClassName: 'eg',
      listeners: listeners.map(({ secret, ...listener }) =>
        secret === undefined
          ? { ...listener, protocol: 'HTTP' }
          : { ...listener, protocol: 'HTTPS', tls: { certificateRefs: [{ name: secret }] } },
      ),
    },
  });
}

/** An HTTPRoute with one rule, to a Backend, as YAML. */
export function servedPathYaml(name: string, served: ServedPath): string {
  const { listeners, hosts, path, backend, filters = [] } = served;
  return stringify({
    apiVersion: gatewayApi,
    kind: 'HTTPRoute',
    metadata: { name, namespace: 'default' },
    spec: {
      parentRefs: listeners.map(parentRef),
      hostnames: hosts,
      rules: [
        {
          matches: [{ path: { type: 'PathPrefix', value: path } }],
          filters,
          backendRefs: [backendRef(backend)],
        },
      ],
    },
  });
}

function parentRef(listener: string): object {
  const [sectionName, name = 'eg'] = listener.split('/').toReversed();
  return { name, sectionName };
}

/** A Secret for a server, as YAML. */
export function tlsSecretYaml(name: string, { cert, key }: Certificate): string {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  return stringify({
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/tls',
    metadata: { name, namespace: 'default' },
    data: { 'tls.crt': base64(cert), 'tls.key': base64(key) },
  });
}
