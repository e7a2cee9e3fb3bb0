import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

// Ends what hangs, and nothing else: many times what the slowest test takes on a machine that has no other work.
const timeouts = { testTimeout: 900_000, hookTimeout: 900_000 }

export default defineConfig({
  test: {
    // Vitest leaves one core free, which of two is half.
    maxWorkers: availableParallelism(),
    // What this package's own reporter announces: each worker has a core, so that more threads of onnxruntime only wait.
    env: { UNFOOLED_TEST_WORKERS: String(availableParallelism()) },
    projects: [
      {
        test: {
          name: 'unit',
          ...timeouts,
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**', 'test/oracle/**', 'test/devices/**'],
        },
      },
      {
        test: {
          name: 'e2e',
          ...timeouts,
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: 'test/e2e/pack.ts',
        },
      },
      {
        test: {
          name: 'devices',
          ...timeouts,
          include: ['test/devices/**/*.test.ts'],
        },
      },
      {
        test: {
          name: 'oracle',
          ...timeouts,
          include: ['test/oracle/**/*.test.ts'],
        },
      },
    ],
  },
})
