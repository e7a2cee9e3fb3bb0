import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const folder = fileURLToPath(new URL('.', import.meta.url))
const tsc = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url))

test.each(['vitest', 'jest'])('the matchers have types for %s, without the other runner', (runner) => {
  const { stdout, status } = spawnSync(process.execPath, [tsc, '-p', join(folder, runner)], { encoding: 'utf8' })
  expect(stdout).toBe('')
  expect(status).toBe(0)
})
