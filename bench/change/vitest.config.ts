import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: fileURLToPath(new URL('../..', import.meta.url)),
    include: ['bench/change/bench.ts'],
    globalSetup: ['test/e2e/support/prepare-testbed.ts'],
    pool: 'forks',
    testTimeout: 600_000,
    teardownTimeout: 30_000,
  },
});
