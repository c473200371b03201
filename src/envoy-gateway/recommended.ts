import { resolve } from 'node:path';
import { type Address, readAddress } from '../config/addresses.ts';
import { defaultGrpcAddress } from '../config/grpc.ts';

/** The part of `hooks` that Offramp needs: every resource but secrets, at the end of a translation. */
export const recommendedHooks = {
  xdsTranslator: {
    post: ['Translation'],
    translation: {
      listener: { includeAll: true },
      route: { includeAll: true },
      cluster: { includeAll: true },
      secret: { includeAll: false },
    },
  },
} as const;

/** Room for about 30,000 gateways, and not more than Offramp takes. */
export const recommendedMessageSize = '256M';

/** What to recommend in the place of port 0, by which nobody can be called. */
const usualPort = 5005;

/** A part of an extension manager that names its server. */
export type RecommendedService =
  | { readonly unix: { readonly path: string } }
  | { readonly fqdn: { readonly hostname: string; readonly port: number } }
  | { readonly ip: { readonly address: string; readonly port: number } };

/**
 * How Envoy Gateway calls an Offramp that listens there; without an address, by default. Envoy Gateway
 * takes whole paths only: a relative one starts in the folder that Offramp is started in.
 */
export function recommendedService(startedIn: string, address?: Address): RecommendedService {
  const called = address ?? readAddress(defaultGrpcAddress);
  if (called.kind === 'unix') return { unix: { path: resolve(startedIn, called.socket) } };
  const port = called.port || usualPort;
  const hostname = isWildcard(called.host) ? '127.0.0.1' : called.host;
  return hostname.includes(':')
    ? { ip: { address: hostname, port } }
    : { fqdn: { hostname, port } };
}

/** An extension manager that gives Offramp everything it needs. */
export function recommendedManager(service: RecommendedService) {
  return { maxMessageSize: recommendedMessageSize, hooks: recommendedHooks, service } as const;
}

/** Whether a server that listens on this host listens on all of the machine's. */
export function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::' || host === '';
}
