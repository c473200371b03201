import { prepareTestbed } from './testbed-cache.ts';

/** Vitest's global setup: builds what is missing before the first test, with progress on stderr. */
export async function setup(): Promise<void> {
  await prepareTestbed(['envoy', 'envoy-gateway', 'grpcurl']);
}
