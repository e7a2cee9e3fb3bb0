import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['demo/*.test.ts'],
    setupFiles: ['unfooled/vitest'],
    reporters: ['default', 'unfooled/reporters/vitest'],
    testTimeout: 60_000,
  },
})
