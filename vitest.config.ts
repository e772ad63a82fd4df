import { defineConfig } from 'vitest/config';

const project = (name: string, include: string[], testTimeoutMs: number) => ({
  test: { name, include, testTimeout: testTimeoutMs, hookTimeout: testTimeoutMs, restoreMocks: true },
});

export default defineConfig({
  test: {
    projects: [
      project('unit', ['test/{unit,contract,operations,simulation}/**/*.test.ts'], 20_000),
      project('e2e', ['test/e2e/**/*.test.ts'], 120_000),
      project('browser', ['test/browser/**/*.test.ts'], 180_000),
      project('cluster', ['test/cluster/**/*.test.ts'], 300_000),
      project('providers', ['test/providers/**/*.test.ts'], 300_000),
    ],
  },
});
