import { stringify } from 'yaml';

/** What a policy of Envoy Gateway is for. */
export interface PolicyTarget {
  readonly kind: 'HTTPRoute' | 'Gateway';
  readonly name: string;
  /** A rule of the route, or a listener of the Gateway. */
  readonly sectionName?: string;
}

/** A policy of Envoy Gateway, of this kind, named after its target, as YAML. */
export function policyYaml(kind: string, target: PolicyTarget, spec: object): string {
  const name = [target.name, target.sectionName].filter((part) => part !== undefined).join('-');
  return stringify({
    apiVersion: 'gateway.envoyproxy.io/v1alpha1',
    kind,
    metadata: { name, namespace: 'default' },
    spec: { targetRefs: [{ group: 'gateway.networking.k8s.io', ...target }], ...spec },
  });
}

/** An opaque Secret in the default namespace, as YAML. */
export function secretYaml(name: string, texts: Readonly<Record<string, string>>): string {
  const data = Object.entries(texts).map(([key, text]) => [
    key,
    Buffer.from(text).toString('base64'),
  ]);
  return stringify({
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'Opaque',
    metadata: { name, namespace: 'default' },
    data: Object.fromEntries(data),
  });
}

/** A reference to a Backend, for routes and policies. */
export function backendRef(name: string): object {
  return { group: 'gateway.envoyproxy.io', kind: 'Backend', name };
}
