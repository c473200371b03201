import type { Certificate } from './certificate.ts';
import { backendYaml } from './example-resources.ts';

/** Ports of the Gateway's listeners and of what stands behind them. */
export interface FallbackPorts {
  readonly http: number;
  readonly https: number;
  readonly vm: number;
  readonly otherVm: number;
  readonly controlPlane: number;
}

/** The host name at which the fallback is on; at `plain.` of it the same routes are without it. */
export const FALLBACK_HOST = 'vm.example.com';

/** The host name of a route over two VM clusters. */
export const SPLIT_HOST = 'split.example.com';

/** A Gateway with HTTP, HTTPS and HTTP/3, routes to VMs that change requests, and a control plane. */
export function fallbackResources(ports: FallbackPorts, certificate: Certificate): string {
  const { vm, otherVm, controlPlane } = ports;
  return [
    gateway(ports),
    secret(certificate),
    backendYaml('vm', vm),
    backendYaml('other-vm', otherVm),
    backendYaml('api', controlPlane),
    vmRoute('vm', FALLBACK_HOST, [reference('vm')]),
    vmRoute('plain', `plain.${FALLBACK_HOST}`, [reference('vm')]),
    vmRoute('split', SPLIT_HOST, [reference('vm', 1), reference('other-vm', 1)]),
    apiRoute,
  ].join('---\n');
}

function gateway({ http, https }: FallbackPorts): string {
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
    - { name: http, protocol: HTTP, port: ${http} }
    - name: https
      protocol: HTTPS
      port: ${https}
      tls: { mode: Terminate, certificateRefs: [{ name: gateway }] }
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: ClientTrafficPolicy
metadata: { name: http3, namespace: default }
spec:
  targetRefs:
    - { group: gateway.networking.k8s.io, kind: Gateway, name: eg, sectionName: https }
  http3: {}
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

/** A backendRef; with a weight, one whose filter makes it a cluster of its own. */
function reference(name: string, weight?: number): string {
  const ref = `group: gateway.envoyproxy.io, kind: Backend, name: ${name}`;
  if (weight === undefined) return `{ ${ref} }`;
  const filter = `{ type: RequestHeaderModifier, requestHeaderModifier: { set: [{ name: x-vm, value: ${name} }] } }`;
  return `{ ${ref}, weight: ${weight}, filters: [${filter}] }`;
}

/** What a VM gets differs from what the client sent: path, query, Authorization, another header. */
function vmRoute(name: string, host: string, references: readonly string[]): string {
  return `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: ${name}, namespace: default }
spec:
  parentRefs: [{ name: eg }]
  hostnames: [${host}]
  rules:
    - matches: [{ path: { type: PathPrefix, value: /browsers } }]
      filters:
        - type: URLRewrite
          urlRewrite: { hostname: vm.internal, path: { type: ReplacePrefixMatch, replacePrefixMatch: /in-the-vm } }
        - type: RequestHeaderModifier
          requestHeaderModifier:
            set: [{ name: authorization, value: Bearer of-the-vm }]
            add: [{ name: x-only-for-the-vm, value: "1" }]
      backendRefs: [${references.join(', ')}]
`;
}

const apiRoute = `apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: api, namespace: default }
spec:
  parentRefs: [{ name: eg }]
  hostnames: [${FALLBACK_HOST}, plain.${FALLBACK_HOST}, ${SPLIT_HOST}]
  rules:
    - backendRefs: [${reference('api')}]
`;
