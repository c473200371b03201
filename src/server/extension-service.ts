import {
  type handleUnaryCall,
  type ServiceDefinition,
  type ServiceError,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { Logger } from 'pino';
import type { RpcMetrics } from '../observe/rpc-metrics.ts';
import { MalformedMessageError } from '../xds/malformed.ts';
import { type Hook, returnResource } from './hook.ts';

/** Full name of Envoy Gateway's extension service. */
export const serviceName = 'envoygateway.extension.EnvoyGatewayExtension';

const rpcs = [
  'PostRouteModify',
  'PostVirtualHostModify',
  'PostHTTPListenerModify',
  'PostClusterModify',
  'PostEndpointsModify',
  'PostTranslateModify',
] as const;

const asIs = (bytes: Buffer): Buffer => bytes;

/**
 * The service with messages as raw bytes, both ways: what Offramp does not look into is never
 * decoded, and so cannot be lost.
 */
export const extensionService: ServiceDefinition = Object.fromEntries(
  rpcs.map((rpc) => [
    rpc,
    {
      path: `/${serviceName}/${rpc}`,
      requestStream: false,
      responseStream: false,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    },
  ]),
);

/** The six RPCs: the hook decides PostTranslateModify, the others answer with what they were given. */
export function implementExtension(
  hook: Hook,
  metrics: RpcMetrics,
  log: Logger,
): UntypedServiceImplementation {
  const implement = (rpc: string, answer: (request: Uint8Array) => Uint8Array) => {
    const handler: handleUnaryCall<Buffer, Buffer> = (call, callback) => {
      const handled = metrics.started(serviceName, rpc);
      try {
        const response = asBuffer(answer(call.request));
        callback(null, response);
        handled(status.OK);
      } catch (error) {
        const problem = toStatus(error, rpc, log);
        callback(problem);
        handled(problem.code ?? status.UNKNOWN);
      }
    };
    return handler;
  };
  const answers = rpcs.map((rpc) => {
    const answer =
      rpc === 'PostTranslateModify'
        ? (request: Uint8Array) => hook.postTranslateModify(request)
        : returnResource;
    return [rpc, implement(rpc, answer)];
  });
  return Object.fromEntries(answers);
}

/** Malformed envelopes are the caller's fault; anything else is ours, and worth the caller's retry. */
function toStatus(error: unknown, rpc: string, log: Logger): Partial<ServiceError> {
  if (error instanceof MalformedMessageError) {
    log.error({ rpc, path: error.path, offset: error.offset, reason: error.reason }, 'malformed');
    return { code: status.INVALID_ARGUMENT, details: error.message };
  }
  log.error({ rpc, err: error }, 'unexpected exception; Envoy Gateway is asked to try again');
  return { code: status.UNAVAILABLE, details: 'Offramp met an unexpected error; its log says more' };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
