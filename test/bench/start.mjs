import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { interleave } from './measure.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** How much later than a bare Vitest run the first verdict comes. */
export async function benchStart() {
  const run = (file) => () => {
    const { status, stderr } = spawnSync(
      'npx',
      ['vitest', 'run', '--config', 'test/bench/start/vitest.config.ts', file],
      { cwd: root, encoding: 'utf8' },
    )
    if (status !== 0) throw new Error(stderr)
  }
  const times = await interleave({ bare: run('bare'), verdict: run('verdict') }, 5)
  const extra = (times.verdict - times.bare) / 1000
  console.log(
    `First verdict of a Vitest run: ${extra.toFixed(2)} s above a bare run of ${(times.bare / 1000).toFixed(2)} s (goal ≤ 1.5)\n`,
  )
}
