import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/e2e/**'],
    // The commands are tested as users run them: built.
    globalSetup: ['scripts/build.mjs'],
    testTimeout: 60_000,
  },
});
