import { fields } from './fields.ts';
import { valuesOf, varintOf } from './wire.ts';

const { RouteConfiguration, UInt32Value } = fields;

/** Envoy's limit where a route configuration sets none, in bytes. */
export const defaultMaxBodyBytes = 4096;

/**
 * How long the body of a direct response may be, in bytes: with a longer one Envoy refuses the whole
 * route configuration. Throws MalformedMessageError.
 */
export function maxBodyBytesOf(routeConfiguration: Uint8Array): number {
  const limits = valuesOf(
    routeConfiguration,
    RouteConfiguration.max_direct_response_body_size_bytes,
  );
  const limit = limits.at(-1);
  return limit === undefined ? defaultMaxBodyBytes : varintOf(limit, UInt32Value.value) % 2 ** 32;
}
