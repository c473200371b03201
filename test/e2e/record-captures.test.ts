import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { startGateway } from './support/gateway.ts';
import { startRecordingHook } from './support/record-hook.ts';

// RECORD_CAPTURES=1 npx vitest run --config test/e2e/vitest.config.ts record-captures
const CAPTURES = [
  { name: 'connectors-standalone', files: ['post-translate-modify.binpb'] },
  {
    name: 'connectors-two-gateways',
    files: ['post-translate-modify-0.binpb', 'post-translate-modify-1.binpb'],
  },
];

// Time in which a call more than expected would come.
const QUIET_MS = 2_000;

describe('recording hook requests', () => {
  it.each(CAPTURES)('writes test/captures/$name', async ({ name, files }) => {
    const folder = new URL(`../captures/${name}/`, import.meta.url);
    const hook = await startRecordingHook();
    const gateway = await startGateway({
      resources: readFileSync(new URL('resources.yaml', folder), 'utf8'),
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
