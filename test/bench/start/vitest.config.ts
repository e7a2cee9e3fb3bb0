import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/bench/start/*.check.ts'],
    // As in a project that has the package in node_modules: Vite leaves it alone.
    server: { deps: { external: [/\/dist\//] } },
  },
})
