import {
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServiceDefinition,
} from '@grpc/grpc-js';
import { decodeXds, encodeXds } from '../../support/xds.ts';

/** A running gRPC service of which Envoy asks tokens. */
export interface RateLimitService {
  readonly port: number;
  /** The buckets that it was asked of since the last call, as JSON. */
  take(): string[];
  stop(): void;
}

const identity = (bytes: Buffer): Buffer => bytes;
const service = {
  shouldRateLimit: {
    path: '/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit',
    requestStream: false,
    responseStream: false,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  },
} satisfies ServiceDefinition;

/** Starts one with so many tokens for each bucket, which are never filled again. */
export async function startRateLimitService(tokens: number): Promise<RateLimitService> {
  const spent = new Map<string, number>();
  const buckets: string[] = [];
  const shouldRateLimit: handleUnaryCall<Buffer, Buffer> = (call, respond) => {
    const bucket = JSON.stringify(
      decodeXds('envoy.service.ratelimit.v3.RateLimitRequest', call.request),
    );
    buckets.push(bucket);
    const count = (spent.get(bucket) ?? 0) + 1;
    spent.set(bucket, count);
    const overall_code = count > tokens ? 'OVER_LIMIT' : 'OK';
    const type = 'envoy.service.ratelimit.v3.RateLimitResponse';
    respond(null, Buffer.from(encodeXds(type, { overall_code })));
  };
  const server = new Server();
  server.addService(service, { shouldRateLimit });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return { port, take: () => buckets.splice(0), stop: () => server.forceShutdown() };
}
