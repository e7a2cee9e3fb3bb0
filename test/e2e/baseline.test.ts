import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { jest, linkedProject, readmeFiles, vitest } from './project.js'

const check = (epsilon: number, steps: number) => `
  const attack = pgd({ norm: 'linf', epsilon: ${epsilon}, steps: ${steps} })
  await expect(model).toMatchRobustnessBaseline(attack, { samples, seed: 7 })`

const runners = {
  Vitest: {
    command: vitest,
    config: 'vitest.config.mts',
    file: 'robustness.test.ts',
    // Vitest has no option for it: the environment variable CI, which all runs here have, is enough.
    ci: [],
    write: '--update=new',
    text: (epsilon: number, steps: number) => `
      import { loadModel, loadSamples, pgd } from 'unfooled'
      import { expect, test } from 'vitest'
      test('withstands', async () => {
        const model = await loadModel('model.onnx', { domain: [0, 1] })
        const samples = await loadSamples('test-images.npz')
        ${check(epsilon, steps)}
      })`,
  },
  Jest: {
    command: jest,
    config: 'jest.config.js',
    file: 'robustness.test.js',
    ci: ['--ci'],
    write: '--no-ci',
    text: (epsilon: number, steps: number) => `
      const { loadModel, loadSamples, pgd } = require('unfooled')
      test('withstands', async () => {
        const model = await loadModel('model.onnx', { domain: [0, 1] })
        const samples = await loadSamples('test-images.npz')
        ${check(epsilon, steps)}
      })`,
  },
} as const

test.each(Object.keys(runners) as (keyof typeof runners)[])(
  '%s writes, compares and updates a baseline',
  async (name) => {
    const { command, config, file, ci, write, text } = runners[name]
    const project = linkedProject({ [config]: readmeFiles(name)[config]!, [file]: text(0.05, 3) })
    const baseline = join(project.folder, '__robustness__', file, 'withstands.json')

    const missing = await project.run(...command, ...ci)
    expect(missing.output).toContain('There is no baseline')
    expect([missing.code, existsSync(baseline)]).toEqual([1, false])

    const written = await project.run(...command, write)
    expect([written.code, existsSync(baseline)]).toEqual([0, true])
    expect(JSON.parse(readFileSync(baseline, 'utf8'))).toMatchObject({ check: 'withstands', method: { epsilon: 0.05 } })

    const compared = await project.run(...command, ...ci)
    expect(compared.code).toBe(0)
    expect(project.report().checks).toMatchObject([{ evidence: { verdict: 'kept', baseline: { state: 'compared' } } }])

    writeFileSync(join(project.folder, file), text(0.06, 3))
    const refused = await project.run(...command, write)
    expect(refused.output).toContain('is of another setting: epsilon 0.05 instead of 0.06')
    expect(refused.code).toBe(1)

    const updated = await project.run(...command, '-u')
    expect(updated.output).toContain('unfooled: The baseline was replaced without a comparison')
    expect(updated.code).toBe(0)
    expect(JSON.parse(readFileSync(baseline, 'utf8'))).toMatchObject({ method: { epsilon: 0.06 } })
  },
)
