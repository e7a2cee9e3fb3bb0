import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { interleave } from './measure.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Eight Vitest workers at once, each with a piece of the work, against one that does it all. */
export async function benchWorkers() {
  const run = (project) => () => {
    const { status, stdout, stderr } = spawnSync(
      'npx',
      ['vitest', 'run', '--config', 'test/bench/workers/vitest.config.ts', '--project', project],
      { cwd: root, encoding: 'utf8' },
    )
    if (status !== 0) throw new Error(stdout + stderr)
  }
  const { one, eight } = await interleave({ one: run('one process'), eight: run('worker *') }, 3)
  console.log(
    `Eight Vitest workers ÷ the same work in one process: ${(eight / one).toFixed(2)} (goal ≤ 1.2); one process takes ${(one / 1000).toFixed(1)} s\n`,
  )
}
