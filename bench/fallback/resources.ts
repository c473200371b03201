import { stringify } from 'yaml';
import { backendYaml } from '../../test/e2e/support/example-resources.ts';
import { backendRef } from '../../test/e2e/support/security-policies.ts';

/** The two Gateways that are compared. */
export type GatewayName = 'without' | 'fallback';

const version = 'gateway.networking.k8s.io/v1';

/** The two Gateways with the same routes, named after them, to the same servers. */
export function resourcesOf(
  ports: Readonly<Record<GatewayName, number>>,
  servers: { readonly vm: number; readonly api: number },
): string {
  const names = ['without', 'fallback'] as const;
  const controllerName = 'gateway.envoyproxy.io/gatewayclass-controller';
  return [
    stringify({
      apiVersion: version,
      kind: 'GatewayClass',
      metadata: { name: 'eg' },
      spec: { controllerName },
    }),
    backendYaml('vm', servers.vm),
    backendYaml('api', servers.api),
    ...names.flatMap((name) => [
      gatewayYaml(name, ports[name]),
      routeYaml(name, 'vm', '/browsers'),
      routeYaml(name, 'api', '/'),
    ]),
  ].join('---\n');
}

function gatewayYaml(name: GatewayName, port: number): string {
  return stringify({
    apiVersion: version,
    kind: 'Gateway',
    metadata: { name, namespace: 'default' },
    spec: { gatewayClassName: 'eg', listeners: [{ name: 'http', protocol: 'HTTP', port }] },
  });
}

function routeYaml(gateway: GatewayName, backend: 'vm' | 'api', path: string): string {
  return stringify({
    apiVersion: version,
    kind: 'HTTPRoute',
    metadata: { name: `${gateway}-${backend}`, namespace: 'default' },
    spec: {
      parentRefs: [{ name: gateway }],
      rules: [
        {
          matches: [{ path: { type: 'PathPrefix', value: path } }],
          backendRefs: [backendRef(backend)],
        },
      ],
    },
  });
}
