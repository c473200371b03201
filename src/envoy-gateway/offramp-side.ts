import { dirname, resolve } from 'node:path';
import type { Config } from '../config/schema.ts';
import type { EndpointSource } from '../rewrites/pipeline.ts';

/** What Envoy Gateway’s side has to fit: where Offramp listens, and how it asks for translations. */
export interface OfframpSide {
  readonly address:
    | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
    | { readonly kind: 'unix'; readonly socket: string };
  /** grpc.address as it is written. */
  readonly addressText: string;
  readonly tls: boolean;
  readonly endpoints: EndpointSource;
  /** Whether its control-plane fallback is configured: its routes, or their control plane. */
  readonly fallback: boolean;
  /** Absolute. */
  readonly retriggerFolder: string | undefined;
}

/** What of Offramp's configuration file Envoy Gateway has to fit. */
export function offrampSide(file: string, config: Config): OfframpSide {
  const { controlPlaneFallback, emptyBackends, grpc, retrigger } = config;
  return {
    address: readAddress(grpc.address),
    addressText: grpc.address,
    endpoints: emptyBackends.endpoints,
    fallback:
      controlPlaneFallback.routes.length > 0 || controlPlaneFallback.controlPlane !== undefined,
    tls: false, // Offramp speaks plain text
    retriggerFolder:
      retrigger.folder === undefined ? undefined : resolve(dirname(file), retrigger.folder),
  };
}

function readAddress(address: string): OfframpSide['address'] {
  const socket = /^unix:(?:\/\/)?(.+)$/.exec(address)?.[1];
  if (socket !== undefined) return { kind: 'unix', socket };
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[|\]$/g, '');
  return { kind: 'tcp', host, port: Number(address.slice(colon + 1)) };
}
