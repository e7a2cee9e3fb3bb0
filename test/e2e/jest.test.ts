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

test('what fails, what is not awaited and what fakes the date, in worker processes', async () => {
  const head = `
    const { loadModel, loadSamples, pgd } = require('unfooled')
    const load = async () => [await loadModel('model.onnx', { domain: [0, 1] }), await loadSamples('test-images.npz')]`
  const project = linkedProject({
    ...config,
    'awaited.test.js': `${head}
      test('forgets to await', async () => {
        const [model, samples] = await load()
        expect(model).toResistAttack(pgd({ norm: 'linf', epsilon: 0.02 }), { samples, maxFoolingRatio: 1 })
      })
      test.concurrent('forgets to await beside others', async () => {
        const [model, samples] = await load()
        expect(model).toResistAttack(pgd({ norm: 'linf', epsilon: 0.02 }), { samples, maxFoolingRatio: 1 })
      })
      test.concurrent('awaits beside others', async () => {
        const [model, samples] = await load()
        await expect(model).toResistAttack(pgd({ norm: 'linf', epsilon: 0.02 }), { samples, maxFoolingRatio: 1 })
      })
      test('is part of another assertion', () => {
        expect({ model: 1 }).not.toEqual({ model: expect.toResistAttack(pgd({ epsilon: 0.02 }), {}) })
      })`,
    'dates.test.js': `${head}
      afterEach(() => jest.useRealTimers())
      test.each(['2000-01-01', '2100-01-01'])('in %s a test has its time', async (date) => {
        jest.useFakeTimers({ now: new Date(date) })
        const [model, samples] = await load()
        await expect(model).toResistAttack(pgd({ epsilon: 0.01, steps: 3 }), { samples, maxFoolingRatio: 0.1 })
      })`,
    'failing.test.js': `${head}
      test('resists anything', async () => {
        const [model, samples] = await load()
        await expect(model).toResistAttack(pgd({ norm: 'linf', epsilon: 0.5 }), { samples, seed: 7 })
      })`,
  })
  const { code, output } = await project.run(...jest, '--maxWorkers=2', '--verbose')
  expect(code).toBe(1)
  expect(output).toMatch(/Tests: +4 failed, 3 passed/)
  expect(output).not.toContain('did not exit')

  expect(output).toContain('expect(model).toResistAttack() was not awaited')
  expect(output).toContain('expect.toResistAttack() decides nothing inside another assertion')
  expect(output).toContain('✕ forgets to await beside others')
  expect(output).toContain('✓ awaits beside others')
  expect(output).toContain('✓ in 2000-01-01 a test has its time')
  expect(output).toContain('✓ in 2100-01-01 a test has its time')
  expect(output).toContain('expect(model).toResistAttack(pgd)')
  expect(output).toContain('model.onnx is fooled on')
  expect(output).toContain('Replay with { seed: 7 }')

  const files = new Set(project.report().checks.map((check) => check.file))
  expect([...files]).toEqual(expect.arrayContaining(['dates.test.js', 'failing.test.js']))
})
