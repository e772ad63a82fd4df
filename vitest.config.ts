import { defineConfig } from 'vitest/config';

const project = (name: string, include: string[], testTimeoutMs: number, more: { maxWorkers?: number } = {}) => ({
  test: { name, include, testTimeout: testTimeoutMs, hookTimeout: testTimeoutMs, restoreMocks: true, ...more },
});

export default defineConfig({
  test: {
    // real processes, sockets and browsers on a small, busy machine: what fails once is told, and tried once more
    retry: process.env['CI'] === undefined ? 0 : 1,
    projects: [
      project('unit', ['test/{unit,contract,operations,simulation}/**/*.test.ts'], 20_000),
      // these wait more than they compute
      project('e2e', ['test/e2e/**/*.test.ts'], 120_000, { maxWorkers: 2 }),
      project('browser', ['test/browser/**/*.test.ts'], 180_000, { maxWorkers: 2 }),
      project('cluster', ['test/cluster/**/*.test.ts'], 300_000),
      project('providers', ['test/providers/**/*.test.ts'], 300_000),
    ],
  },
});
