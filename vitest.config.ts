import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['packages/**/src/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: ['**/node_modules/**', 'test/packaging/**'],
    testTimeout: 30_000,
    // Two cores on the machines that run this: more workers only wait for each other.
    maxWorkers: 2,
  },
});
