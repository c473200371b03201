import type { Certificate } from '../certificate.ts';
import { backendYaml } from '../example-resources.ts';

/** The listeners: with the fallback, without it, and straight to the control plane. */
export interface MatrixListeners {
  readonly fallback: number;
  readonly plain: number;
  readonly direct: number;
  readonly https: number;
  /** Of HTTPS, as `plain` and `direct` are of HTTP. */
  readonly plainHttps: number;
  readonly directHttps: number;
}

/** A route to a VM; `plain-<name>` is the same without the fallback. */
export interface MatrixVm {
  readonly name: string;
  /** A port of the loopback interface. */
  readonly backend: number;
  /** Whether it is spoken to in HTTP/2. */
  readonly isHttp2?: boolean;
}

/** Where the listeners are, and what stands behind them. */
export interface MatrixPlaces {
  readonly listeners: MatrixListeners;
  readonly vms: readonly MatrixVm[];
  readonly controlPlane: number;
  /** Further filters of the control plane's route, as YAML list entries on a line each. */
  readonly apiFilters?: readonly string[];
}

/** The host name of a route. */
export function hostOf(name: string): string {
  return `${name}.example.com`;
}

/** A Gateway on whose listeners the same host names and paths lead to routes with and without the fallback. */
export function matrixResources(places: MatrixPlaces, certificate: Certificate): string[] {
  const { listeners, vms, controlPlane, apiFilters = [] } = places;
  return [
    gateway(listeners),
    secret(certificate),
    backendYaml('api', controlPlane),
    apiRoute(vms, apiFilters),
    ...vms.flatMap(({ name, backend, isHttp2 = false }) => [
      isHttp2 ? http2BackendYaml(name, backend) : backendYaml(name, backend),
      vmRoute(name, name, ['fallback', 'https']),
      vmRoute(`plain-${name}`, name, ['plain', 'plain-https']),
    ]),
  ];
}

/** A Backend as `backendYaml` makes one, in HTTP/2 without TLS. */
export function http2BackendYaml(name: string, port: number): string {
  return `${backendYaml(name, port)}  appProtocols: [gateway.envoyproxy.io/h2c]\n`;
}

function gateway(listeners: MatrixListeners): string {
  const { fallback, plain, direct, https, plainHttps, directHttps } = listeners;
  const tls = 'protocol: HTTPS, tls: { certificateRefs: [{ name: gateway }] }';
  return `apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: eg }
spec: { controllerName: gateway.envoyproxy.io/gatewayclass-controller }
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: eg, namespace: default }
spec:
  gatewayClassName: eg
  listeners:
    - { name: fallback, protocol: HTTP, port: ${fallback} }
    - { name: plain, protocol: HTTP, port: ${plain} }
    - { name: direct, protocol: HTTP, port: ${direct} }
    - { name: https, port: ${https}, ${tls} }
    - { name: plain-https, port: ${plainHttps}, ${tls} }
    - { name: direct-https, port: ${directHttps}, ${tls} }
`;
}

function secret({ cert, key }: Certificate): string {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  return `apiVersion: v1
kind: Secret
metadata: { name: gateway, namespace: default }
type: kubernetes.io/tls
data: { tls.crt: ${base64(cert)}, tls.key: ${base64(key)} }
`;
}

/** What a VM gets differs from what the client sent: path, host, jwt, Authorization, another header. */
function vmRoute(name: string, backend: string, sections: readonly string[]): string {
  const parents = sections.map((section) => `{ name: eg, sectionName: ${section} }`);
  return `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${name}, namespace: default }
spec:
  parentRefs: [${parents.join(', ')}]
  hostnames: [${hostOf(backend)}]
  rules:
    - matches: [{ path: { type: PathPrefix, value: /browsers } }]
      filters:
        - type: URLRewrite
          urlRewrite: { hostname: vm.internal, path: { type: ReplacePrefixMatch, replacePrefixMatch: /in-the-vm } }
        - type: RequestHeaderModifier
          requestHeaderModifier:
            set: [{ name: authorization, value: Bearer of-the-vm }]
            add: [{ name: x-only-for-the-vm, value: "1" }]
            remove: [x-not-for-the-vm]
        - ${responseHeader('vm')}
      backendRefs: [{ group: gateway.envoyproxy.io, kind: Backend, name: ${backend} }]
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyExtensionPolicy
metadata: { name: ${name}, namespace: default }
spec:
  targetRefs: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: ${name} }]
  lua:
    - type: Inline
      inline: |
        function envoy_on_request(handle)
          local path = handle:headers():get(":path")
          local mark = path:find("?", 1, true) and "&" or "?"
          handle:headers():replace(":path", path .. mark .. "jwt=of-the-vm")
        end
`;
}

function apiRoute(vms: readonly MatrixVm[], filters: readonly string[]): string {
  const all = [responseHeader('api'), ...filters].map((filter) => `        - ${filter}\n`).join('');
  return `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: api, namespace: default }
spec:
  parentRefs: [{ name: eg }]
  hostnames: [${vms.map(({ name }) => hostOf(name)).join(', ')}]
  rules:
    - filters:
${all}      backendRefs: [{ group: gateway.envoyproxy.io, kind: Backend, name: api }]
`;
}

function responseHeader(route: string): string {
  return `{ type: ResponseHeaderModifier, responseHeaderModifier: { add: [{ name: x-route, value: ${route} }] } }`;
}
