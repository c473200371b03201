import { stringify } from 'yaml';
import type { GatewayName } from '../xds/gateways.ts';

/**
 * An HTTPRoute whose only purpose is to differ from the last one, so that Envoy Gateway translates
 * again: it attaches to the Gateway, and its host name, which nobody asks for, holds the generation.
 * Envoy gets one harmless virtual host by it.
 */
export function retriggerRoute(gateway: GatewayName, generation: string): string {
  const { namespace, name } = gateway;
  return stringify({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: `offramp-retrigger-${name}`, namespace },
    spec: {
      parentRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', namespace, name }],
      hostnames: [`g${generation}.offramp.invalid`],
      rules: [{ filters: [{ type: 'RequestRedirect', requestRedirect: { statusCode: 302 } }] }],
    },
  });
}

const filePrefix = 'offramp-retrigger.';
const fileSuffix = '.yaml';

/** The file of a Gateway's route; a `.` is in no namespace. */
export function retriggerFile({ namespace, name }: GatewayName): string {
  return `${filePrefix}${namespace}.${name}${fileSuffix}`;
}

/** The Gateway that a file is for; undefined for files that are not ours. */
export function gatewayOfFile(file: string): GatewayName | undefined {
  if (!file.startsWith(filePrefix) || !file.endsWith(fileSuffix)) return undefined;
  const [namespace = '', ...name] = file.slice(filePrefix.length, -fileSuffix.length).split('.');
  return name.length === 0 ? undefined : { namespace, name: name.join('.') };
}
