import { defineConfig } from 'vitest/config'

const pieces = [0, 1, 2, 3, 4, 5, 6, 7]

export default defineConfig({
  test: {
    maxWorkers: pieces.length,
    reporters: ['default', ['unfooled/reporters/vitest', { formats: {} }]],
    projects: [project('one process', pieces), ...pieces.map((piece) => project(`worker ${piece}`, [piece]))],
  },
})

/** A file of checks that does these pieces of the work. */
function project(name: string, own: readonly number[]) {
  return {
    test: {
      name,
      include: ['test/bench/workers/work.check.ts'],
      env: { UNFOOLED_PIECES: JSON.stringify(own) },
      testTimeout: 600_000,
      // As in a project that has the package in node_modules: Vite leaves it alone.
      server: { deps: { external: [/\/dist\//] } },
    },
  }
}
