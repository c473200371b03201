import { prepareTestbed } from './testbed-cache.ts';
import { OLDER_RELEASE } from './testbed-versions.ts';

/** Vitest's global setup: builds what is missing before the first test, with progress on stderr. */
export async function setup(): Promise<void> {
  await prepareTestbed([
    'actionlint',
    'chromium',
    'envoy',
    'envoy-gateway',
    'gateway-chart',
    'gateway-crds',
    'grpcurl',
    'kube-apiserver',
    // Both share most of what was just compiled for it.
    'kubectl',
    'etcd',
    'helm',
    'prometheus',
  ]);
  await prepareTestbed(['envoy', 'envoy-gateway'], OLDER_RELEASE);
}
