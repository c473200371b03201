import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: fileURLToPath(new URL('../..', import.meta.url)),
    include: ['bench/state/bench.ts'],
    globalSetup: ['test/e2e/support/prepare-testbed.ts'],
    pool: 'forks',
    testTimeout: 1_800_000,
    teardownTimeout: 30_000,
  },
});
