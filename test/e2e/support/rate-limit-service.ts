import { startUnaryService } from './unary-service.ts';

/** A running gRPC service of which Envoy asks tokens. */
export interface RateLimitService {
  readonly port: number;
  /** The buckets that it was asked of since the last call, as JSON. */
  take(): string[];
  stop(): void;
}

const method = {
  path: '/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit',
  request: 'envoy.service.ratelimit.v3.RateLimitRequest',
  response: 'envoy.service.ratelimit.v3.RateLimitResponse',
} as const;

/** Starts one with so many tokens for each bucket, which are never filled again. */
export async function startRateLimitService(tokens: number): Promise<RateLimitService> {
  const spent = new Map<string, number>();
  const buckets: string[] = [];
  const service = await startUnaryService(method, (asked) => {
    const bucket = JSON.stringify(asked);
    buckets.push(bucket);
    const count = (spent.get(bucket) ?? 0) + 1;
    spent.set(bucket, count);
    return { overall_code: count > tokens ? 'OVER_LIMIT' : 'OK' };
  });
  return { ...service, take: () => buckets.splice(0) };
}
