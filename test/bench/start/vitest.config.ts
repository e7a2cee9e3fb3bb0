import { defineConfig } from 'vitest/config'

export default defineConfig({ test: { include: ['test/bench/start/*.check.ts'] } })
