/** A Gateway `default/eg` with one HTTP listener, and the GatewayClass it needs, as YAML. */
export function gatewayYaml(listenerPort: number): string {
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
    - { name: http, protocol: HTTP, port: ${listenerPort} }
`;
}

/** A Backend in the default namespace with one address on the loopback interface, as YAML. */
export function backendYaml(name: string, port: number): string {
  return `apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: { name: ${name}, namespace: default }
spec:
  endpoints: [{ ip: { address: 127.0.0.1, port: ${port} } }]
`;
}

/** An HTTPRoute on `default/eg` that sends everything for `<name>.example.com` to one Backend. */
export function httpRouteYaml(name: string, backend: string): string {
  return routeYaml(name, `    -\n${plainRefYaml(backend)}`);
}

/** A route on `default/eg` for `<name>.example.com` with these rules, which are YAML list entries. */
export function routeYaml(name: string, rules: string, kind = 'HTTPRoute'): string {
  return `apiVersion: gateway.networking.k8s.io/v1
kind: ${kind}
metadata: { name: ${name}, namespace: default }
spec:
  parentRefs: [{ name: eg }]
  hostnames: [${name}.example.com]
  rules:
${rules}`;
}

/** The `backendRefs` of a rule, as YAML: one Backend. */
export function plainRefYaml(name: string): string {
  return `      backendRefs: [{ group: gateway.envoyproxy.io, kind: Backend, name: ${name} }]\n`;
}

/** One entry of a rule's `backendRefs`, as YAML; its header filter makes it a cluster of its own. */
export function filteredRefYaml(name: string, weight: number): string {
  return `        - group: gateway.envoyproxy.io
          kind: Backend
          name: ${name}
          weight: ${weight}
          filters: [{ type: RequestHeaderModifier, requestHeaderModifier: { set: [{ name: x-site, value: ${name} }] } }]
`;
}
