import {
  type handleUnaryCall,
  type Metadata,
  type ServiceDefinition,
  type ServiceError,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { type ErrorCode, errorTable, OfframpError } from '../errors.ts';
import type { Metrics } from '../observe/metrics.ts';
import { MalformedMessageError } from '../xds/malformed.ts';
import type { EncodedMessage } from '../xds/snapshot.ts';
import { copiedOnce } from './copied-once.ts';
import { type Hook, returnResource, stampRouteOfRequest } from './hook.ts';

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

/** Answers one RPC; the caller is told by its connection. */
type AnswerCall = (request: Buffer, caller: string, metadata: Metadata) => Answer | Promise<Answer>;

const asIs = (bytes: Buffer): Buffer => bytes;

const serialize = (answer: Answer): Buffer =>
  answer instanceof Uint8Array ? asBuffer(answer) : copiedOnce(answer);

/** An answer: bytes, or what can still be written where it is sent from. */
type Answer = Uint8Array | EncodedMessage;

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
      responseSerialize: serialize,
      responseDeserialize: asIs,
    },
  ]),
);

/**
 * The six RPCs: PostTranslateModify decides, PostRouteModify notes a route's policies in it,
 * PostEndpointsModify is listened to, and like the others answers with what it was given. Only
 * PostTranslateModify ever answers with an error. `answered` is told of each PostTranslateModify request
 * after its answer was handed over.
 */
export function implementExtension(
  hook: Hook,
  metrics: Metrics,
  log: Logger,
  answered?: (request: Uint8Array) => void,
): UntypedServiceImplementation {
  const answers: Readonly<Record<string, AnswerCall>> = {
    PostTranslateModify: (request, caller, metadata) =>
      hook.postTranslateModify(request, caller, (name) => metadata.get(name)[0]?.toString()),
    PostRouteModify: (request) =>
      stampRouteOfRequest(request, (err) =>
        log.error({ err }, 'a route came without its policies'),
      ),
    PostEndpointsModify: (request, caller) => hook.postEndpointsModify(request, caller),
  };
  const implement = (rpc: string): handleUnaryCall<Buffer, Answer> => {
    const isHook = rpc === 'PostTranslateModify';
    const answer = answers[rpc] ?? returnResource;
    return async (call, callback) => {
      const started = performance.now();
      const handled = metrics.rpcs.started(serviceName, rpc);
      let code = status.OK;
      try {
        const { request } = call;
        callback(null, await answer(request, call.getPeer(), call.metadata));
      } catch (error) {
        const problem = toStatus(error, rpc, log);
        if (isHook) {
          code = problem.code;
          callback(problem);
        } else {
          callback(null, unchanged);
        }
      }
      handled(code);
      if (!isHook) return;
      metrics.observeRpc(code, (performance.now() - started) / 1000);
      answered?.(call.request);
    };
  };
  return Object.fromEntries(rpcs.map((rpc) => [rpc, implement(rpc)]));
}

/**
 * The empty answer: Envoy Gateway keeps its resource. An error of one of these calls would end the
 * whole translation, for the sake of one resource.
 */
const unchanged = Buffer.alloc(0);

type StatusOf = Pick<ServiceError, 'code' | 'details'>;

/** Malformed envelopes are the caller's fault; anything else is ours, and worth the caller's retry. */
function toStatus(error: unknown, rpc: string, log: Logger): StatusOf {
  if (error instanceof MalformedMessageError) {
    const { code, path, offset, reason } = error;
    log.error({ code, rpc, path, offset, reason }, 'malformed');
    return statusOf('malformed-message', error.message);
  }
  if (error instanceof OfframpError && error.code === 'budget-exceeded') {
    log.error({ code: error.code, rpc, reason: error.message }, 'given up');
    return statusOf(error.code, error.message);
  }
  const code: ErrorCode = 'unexpected';
  log.error({ code, rpc, err: error }, 'unexpected exception; Envoy Gateway is asked to try again');
  return statusOf(code, 'Offramp met an unexpected error; its log says more');
}

function statusOf(
  code: 'malformed-message' | 'budget-exceeded' | 'unexpected',
  text: string,
): StatusOf {
  return { code: status[errorTable[code].grpcStatus], details: `${code}: ${text}` };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
