import { expect, test } from 'vitest'
import { jest, linkedProject, readmeFiles } from './project.js'

const readme = readmeFiles('Jest')
const config = { 'jest.config.js': readme['jest.config.js']! }

test('what the README shows runs as it stands', async () => {
  const project = linkedProject(readme)
  const { code, output } = await project.run(...jest)
  expect(output).toMatch(/Tests: +2 passed/)
  expect(output).toContain('unfooled: 2 checks of 1 model, none failed')
  expect(output).not.toContain('did not exit')
  expect(code).toBe(0)
  expect(project.report().checks).toMatchObject([
    { file: 'robustness.test.js', test: 'resists PGD at 8/255', evidence: { verdict: 'resists' } },
    { file: 'robustness.test.js', evidence: { verdict: 'certified' } },
  ])
})

test('a failing check fails the run and says why, and so does one that is not awaited', async () => {
  const project = linkedProject({
    ...config,
    'robustness.test.js': `
      const { loadModel, loadSamples, pgd } = require('unfooled')
      test('resists anything', async () => {
        const model = await loadModel('model.onnx', { domain: [0, 1] })
        const samples = await loadSamples('test-images.npz')
        await expect(model).toResistAttack(pgd({ norm: 'linf', epsilon: 0.5 }), { samples, seed: 7 })
      })
      test('forgets to await', async () => {
        const model = await loadModel('model.onnx', { domain: [0, 1] })
        const samples = await loadSamples('test-images.npz')
        expect(model).toResistAttack(pgd({ norm: 'linf', epsilon: 0.02 }), { samples, maxFoolingRatio: 1 })
      })
      test('is part of another assertion', () => {
        expect({}).not.toEqual({ model: expect.toResistAttack(pgd({ epsilon: 0.02 }), {}) })
        expect({ model: 1 }).not.toEqual({ model: expect.toResistAttack(pgd({ epsilon: 0.02 }), {}) })
      })`,
  })
  const { code, output } = await project.run(...jest)
  expect(code).toBe(1)
  expect(output).toMatch(/Tests: +3 failed/)
  expect(output).toContain('expect(model).toResistAttack() was not awaited')
  expect(output).toContain('expect.toResistAttack() decides nothing inside another assertion')
  expect(output).toContain('expect(model).toResistAttack(pgd)')
  expect(output).toContain('model.onnx is fooled on')
  expect(output).toContain('Replay with { seed: 7 }')
})

test('several files in worker processes', async () => {
  const file = `
    const { loadModel, loadSamples, pgd } = require('unfooled')
    test('resists PGD', async () => {
      const model = await loadModel('model.onnx', { domain: [0, 1] })
      const samples = await loadSamples('test-images.npz')
      await expect(model).toResistAttack(pgd({ epsilon: 0.01, steps: 3 }), { samples, maxFoolingRatio: 0.1 })
    })`
  const project = linkedProject({ ...config, 'one.test.js': file, 'two.test.js': file })
  const { code, output } = await project.run(...jest, '--maxWorkers=2')
  expect(output).toMatch(/Tests: +2 passed/)
  expect(code).toBe(0)
  expect(project.report().checks.map((check) => check.file)).toEqual(['one.test.js', 'two.test.js'])
})

test('a test that fakes the date has its time', async () => {
  const project = linkedProject({
    ...config,
    'robustness.test.js': `
      const { loadModel, loadSamples, pgd } = require('unfooled')
      afterEach(() => jest.useRealTimers())
      test.each(['2000-01-01', '2100-01-01'])('%s', async (date) => {
        jest.useFakeTimers({ now: new Date(date) })
        const model = await loadModel('model.onnx', { domain: [0, 1] })
        const samples = await loadSamples('test-images.npz')
        await expect(model).toResistAttack(pgd({ epsilon: 0.01, steps: 3 }), { samples, maxFoolingRatio: 0.1 })
      })`,
  })
  const { code, output } = await project.run(...jest)
  expect(output).toMatch(/Tests: +2 passed/)
  expect(code).toBe(0)
})
