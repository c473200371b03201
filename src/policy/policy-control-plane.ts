import { BlockList, isIP } from 'node:net';
import { fallbackOptions } from '../config/control-plane-fallback.ts';

/**
 * `controlPlane` in a policy. Whoever writes policies may be trusted less than who configures Offramp, and
 * Envoy opens the file and the connection: no files, and no address that only Envoy’s own machine has.
 */
export const policyControlPlane = fallbackOptions.controlPlane.superRefine(
  ({ host, tls }, { addIssue }) => {
    const refuse = (path: string[], message: string) => {
      addIssue({ code: 'custom', path, message });
    };
    if (tls?.caFile !== undefined) {
      refuse(['tls', 'caFile'], 'Envoy reads the file, so only Offramp’s configuration names one');
    }
    if (host !== undefined && isOfEnvoysMachine(host)) {
      refuse(
        ['host'],
        'leads to Envoy’s own machine or network link, or may: only Offramp’s configuration says so',
      );
    }
  },
);

/** The addresses that Kubernetes refuses in EndpointSlices too. */
const ofEnvoysMachine = new BlockList();
ofEnvoysMachine.addSubnet('0.0.0.0', 8);
ofEnvoysMachine.addSubnet('127.0.0.0', 8);
ofEnvoysMachine.addSubnet('169.254.0.0', 16);
ofEnvoysMachine.addSubnet('224.0.0.0', 4);
ofEnvoysMachine.addAddress('255.255.255.255');
ofEnvoysMachine.addSubnet('::', 96, 'ipv6'); // `::` and `::1`; `::127.0.0.1` is an old way to write one
ofEnvoysMachine.addSubnet('fe80::', 10, 'ipv6');
ofEnvoysMachine.addSubnet('ff00::', 8, 'ipv6');

function isOfEnvoysMachine(host: string): boolean {
  const family = isIP(host);
  if (family !== 0) return ofEnvoysMachine.check(host, family === 4 ? 'ipv4' : 'ipv6');
  const labels = host.toLowerCase().split('.');
  const last = labels.at(-1) ?? '';
  // `localhost`, `127.1` and `0x7f000001` are addresses to some resolvers.
  return labels.length === 1 || last === 'localhost' || !/^[a-z]/.test(last);
}
