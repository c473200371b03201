import { dirname, resolve } from 'node:path';
import { type Address, readAddress } from '../config/addresses.ts';
import type { Config } from '../config/schema.ts';
import type { EndpointSource } from '../rewrites/pipeline.ts';

/** What Envoy Gateway’s side has to fit: where Offramp listens, and how it asks for translations. */
export interface OfframpSide {
  readonly address: Address;
  /** grpc.address as it is written. */
  readonly addressText: string;
  readonly tls: boolean;
  /** Whether a client has to show a certificate. */
  readonly needsClientCertificate: boolean;
  /** The largest message that it takes. */
  readonly messageBytes: number;
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
    tls: grpc.tls !== undefined,
    needsClientCertificate: grpc.tls?.clientCAFile !== undefined,
    messageBytes: grpc.limits.messageBytes,
    fallback:
      controlPlaneFallback.routes.length > 0 || controlPlaneFallback.controlPlane !== undefined,
    retriggerFolder:
      retrigger.folder === undefined ? undefined : resolve(dirname(file), retrigger.folder),
  };
}
