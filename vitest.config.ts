import { defineConfig } from 'vitest/config';

/**
 * The everyday run, in minutes; with CI=true also the faults, and what takes long on a small machine (`*.long.test.ts`).
 * `live` suites (services that no test machine has) run by their own script.
 */
const ci = process.env['CI'] === 'true';
export default defineConfig({
  test: {
    globalSetup: ['test/setup.ts'],
    reporters: ['default', './test/report.ts'],
    // A bound for what hangs, not for what is slow: CI's machine may be busy.
    testTimeout: ci ? 600_000 : 120_000,
    hookTimeout: 600_000,
    maxWorkers: 2,
    projects: [
      { extends: true, test: { name: 'unit', include: ['src/**/*.test.ts', 'test/*.test.ts'] } },
      { extends: true, test: { name: 'golden', include: ['test/golden/**/*.test.ts'] } },
      {
        extends: true,
        test: { name: 'engines', include: ['test/engines/**/*.test.ts'], exclude: ci ? [] : ['**/*.long.test.ts'] },
      },
      {
        extends: true,
        test: {
          name: 'surfaces',
          include: ['test/surfaces/**/*.test.ts'],
          exclude: ci ? [] : ['**/*.long.test.ts'],
          globalSetup: ['test/surfaces/setup.ts'],
        },
      },
      ...(ci ? [{ extends: true as const, test: { name: 'faults', include: ['test/faults/**/*.test.ts'] } }] : []),
    ],
  },
});
