import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: fileURLToPath(new URL('../..', import.meta.url)),
    include: ['test/e2e/**/*.test.ts'],
    // Rewrites test/captures, so only when asked for.
    exclude: process.env.RECORD_CAPTURES === '1' ? [] : ['test/e2e/record-captures.test.ts'],
    globalSetup: ['test/e2e/support/prepare-testbed.ts'],
    pool: 'forks',
    // Envoy Gateway's xDS port cannot be moved: one file, and one gateway, at a time.
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 360_000,
    teardownTimeout: 30_000,
  },
});
