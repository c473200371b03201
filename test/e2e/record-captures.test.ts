import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { startGateway } from './support/gateway.ts';
import { startRecordingHook } from './support/record-hook.ts';
import { OLDER_RELEASE, TESTBED_RELEASE } from './support/testbed-versions.ts';

// RECORD_CAPTURES=1 npx vitest run --config test/e2e/vitest.config.ts record-captures
const CAPTURES = [
  {
    name: 'connectors-standalone',
    resources: 'connectors-standalone',
    release: TESTBED_RELEASE,
    files: ['post-translate-modify.binpb'],
  },
  {
    name: 'connectors-standalone-1.8',
    resources: 'connectors-standalone',
    release: OLDER_RELEASE,
    files: ['post-translate-modify.binpb'],
  },
  {
    name: 'connectors-two-gateways',
    resources: 'connectors-two-gateways',
    release: TESTBED_RELEASE,
    files: ['post-translate-modify-0.binpb', 'post-translate-modify-1.binpb'],
  },
];

// Time in which a call more than expected would come.
const QUIET_MS = 2_000;

describe('recording hook requests', () => {
  it.each(CAPTURES)('writes test/captures/$name', async ({ name, resources, release, files }) => {
    const captures = new URL('../captures/', import.meta.url);
    const folder = new URL(`${name}/`, captures);
    mkdirSync(folder, { recursive: true });
    const hook = await startRecordingHook();
    const gateway = await startGateway({
      release,
      resources: readFileSync(new URL(`${resources}/resources.yaml`, captures), 'utf8'),
      extensionManager: hook.extensionManager,
    });
    try {
      await sleep(QUIET_MS);
      // The order of the calls for several Gateways changes from run to run: by size, largest first.
      const requests = hook.requests().toSorted((one, other) => other.length - one.length);
      expect(requests).toHaveLength(files.length);
      for (const [index, file] of files.entries()) {
        const request = requests[index] ?? Buffer.alloc(0);
        expect(request.includes('PRIVATE KEY')).toBe(false);
        writeFileSync(new URL(file, folder), request);
      }
    } finally {
      await gateway.stop();
      await hook.stop();
    }
  });
});
