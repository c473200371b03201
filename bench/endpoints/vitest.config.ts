import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: fileURLToPath(new URL('../..', import.meta.url)),
    include: ['bench/endpoints/gateway.ts'],
    globalSetup: ['test/e2e/support/prepare-testbed.ts'],
    pool: 'forks',
    testTimeout: 900_000,
    teardownTimeout: 30_000,
  },
});
