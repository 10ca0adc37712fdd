import { defineConfig } from 'vitest/config';

export default defineConfig(({ mode }) => {
  // Far more than any test takes by itself: machines are busy.
  const timeout = mode === 'long' ? 120_000 : 60_000;
  return { test: { globalSetup: 'test/support/global-setup.ts', testTimeout: timeout, hookTimeout: timeout } };
});
