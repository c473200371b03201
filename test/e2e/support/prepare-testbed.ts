import { prepareTestbed } from './testbed-cache.ts';
import { TESTBED_TOOLS } from './testbed-recipes.ts';
import { OLDER_RELEASE } from './testbed-versions.ts';

/**
 * Vitest's global setup: builds what is missing before the first test, with progress on stderr. All of
 * it, as CI gives the tests themselves no way out of the machine.
 */
export async function setup(): Promise<void> {
  await prepareTestbed(TESTBED_TOOLS);
  await prepareTestbed(['envoy', 'envoy-gateway'], OLDER_RELEASE);
}
