import { isAbsolute, normalize } from 'node:path';
import type { ManagerEntry } from './extension-managers.ts';
import { type Finding, fatalFinding, finding } from './findings.ts';
import type { OfframpSide } from './offramp-side.ts';
import { isWildcard, type RecommendedService } from './recommended.ts';
import { type Target, targetsOf, targetText } from './service-target.ts';

/**
 * Whether a call to the target arrives at Offramp. mapped: it does when something between the two, a
 * Kubernetes Service or a mount, maps one to the other.
 */
export type Arrival = 'same' | 'mapped' | 'never';

/** Whether a call to the target arrives at Offramp's address. */
export function arrivalAt(target: Target, { address }: OfframpSide): Arrival {
  if (target.kind === 'unix') {
    if (address.kind !== 'unix') return 'never';
    return isSameFile(target.socket, address.socket) ? 'same' : 'mapped';
  }
  if (address.kind !== 'tcp' || address.port === 0) return 'never';
  const isSamePort = target.port === address.port;
  if (isLoopback(target.host)) {
    const meets =
      isWildcard(address.host) ||
      (isLoopback(address.host) && isSameLoopback(target.host, address.host));
    return isSamePort && meets ? 'same' : 'never';
  }
  if (isLoopback(address.host)) return 'never';
  return isSamePort ? 'same' : 'mapped';
}

/** Whether Envoy Gateway calls where Offramp listens; `service` is how it should. */
export function checkArrival(
  entry: ManagerEntry,
  side: OfframpSide,
  service: RecommendedService,
): Finding[] {
  const [target, another] = targetsOf(entry.manager.service);
  if (target === undefined || another !== undefined) return []; // refused already
  const arrival = arrivalAt(target, side);
  if (arrival === 'same') return [];
  const place = entry.place('service', ...target.path);
  const problem = `Envoy Gateway calls ${targetText(target)}, Offramp listens on ${side.addressText}`;
  if (arrival === 'never') {
    const isOfHere = target.kind === 'unix' || isLoopback(target.host);
    const text = { problem, ...cure(entry, isOfHere, side, service) };
    return [fatalFinding('address-differs', place, 'waits', text)];
  }
  return [
    finding('address-mapped', place, {
      problem,
      consequence:
        'It fits when a Service or a mount maps one to the other. Else Envoy Gateway waits without end, and nothing new reaches Envoy.',
      remedy: 'If one does, there is nothing to do. Otherwise say the same on both sides.',
    }),
  ];
}

function cure(
  entry: ManagerEntry,
  isOfHere: boolean,
  { address }: OfframpSide,
  service: RecommendedService,
): { readonly remedy: string; readonly yaml?: string } {
  if (address.kind === 'unix') {
    const where = isAbsolute(address.socket)
      ? ''
      : '; the path is for one that is started in the current folder';
    const remedy =
      `Call Offramp’s socket instead${where}. Or give Offramp a port in grpc.address, with grpc.tls ` +
      'or grpc.insecure: true.';
    return { remedy, yaml: entry.yaml(['service'], service) };
  }
  if (address.port === 0) {
    return { remedy: 'Give Offramp a port of its own in grpc.address: 0 takes any that is free.' };
  }
  if (!isOfHere) {
    return {
      remedy: `Let Offramp listen on 0.0.0.0:${address.port}, with grpc.tls; or run both in one pod and call ${address.host}.`,
    };
  }
  return {
    remedy: 'Call the address that Offramp listens on instead, or change grpc.address.',
    yaml: entry.yaml(['service'], service),
  };
}

/** A relative socket path starts at a working directory that is not known here. */
function isSameFile(called: string, listening: string): boolean {
  if (isAbsolute(listening)) return normalize(called) === normalize(listening);
  return normalize(called).endsWith(`/${normalize(listening)}`);
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}

/** `localhost` is either of them; otherwise IPv4 and IPv6 do not meet. */
function isSameLoopback(one: string, other: string): boolean {
  return one === other || one === 'localhost' || other === 'localhost';
}
