import { expect, test } from 'vitest'
import { installedProject, jest, readmeFiles, vitest } from './project.js'

// The oldest runners that are supported; the other tests use the ones that this repository develops with.
test.each([
  ['Vitest', 'vitest@3.2', vitest, /Tests +2 passed/],
  ['Jest', 'jest@29.7', jest, /Tests: +2 passed/],
] as const)(
  'npm install, then what the README shows for %s',
  { timeout: 300_000 },
  async (heading, runner, command, passed) => {
    const project = await installedProject([runner, 'onnxruntime-node@1.30'], readmeFiles(heading))
    const { code, output } = await project.run(...command)
    expect(output).toMatch(passed)
    expect(code).toBe(0)
  },
)
