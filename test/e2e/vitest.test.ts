import { describe, expect, test } from 'vitest'
import { linkedProject, readmeFiles, vitest } from './project.js'

const readme = readmeFiles('Vitest')
const config = { 'vitest.config.mts': readme['vitest.config.mts']! }
const head = `
  import { crown, loadModel, loadSamples, pgd } from 'unfooled'
  import { expect, test } from 'vitest'
  const model = await loadModel('model.onnx', { domain: [0, 1] })
  const samples = await loadSamples('test-images.npz')
`

test('what the README shows runs as it stands', async () => {
  const project = linkedProject(readme)
  const { code, output } = await project.run(...vitest)
  expect(output).toMatch(/Tests +2 passed/)
  expect(output).toContain('unfooled: 2 checks of 1 model, none failed')
  expect(code).toBe(0)
  expect(project.report().checks).toMatchObject([
    { file: 'robustness.test.ts', test: 'resists PGD at 8/255', evidence: { verdict: 'resists' } },
    { file: 'robustness.test.ts', evidence: { verdict: 'certified' } },
  ])
})

describe.each(['forks', 'threads', 'vmThreads'])('pool %s', (pool) => {
  test('concurrent checks in two files', async () => {
    const file = `${head}
      test.concurrent.for([0.01, 0.02, 0.03])('PGD at %s', async (epsilon, { expect }) => {
        await expect(model).toResistAttack(pgd({ norm: 'linf', epsilon, steps: 3 }), { samples, maxFoolingRatio: 0.1 })
      })`
    const project = linkedProject({ ...config, 'one.test.ts': file, 'two.test.ts': file })
    const { code, output } = await project.run(...vitest, `--pool=${pool}`)
    expect(output).toMatch(/Tests +6 passed/)
    expect(code).toBe(0)
    const { checks } = project.report()
    expect(checks).toHaveLength(6)
    for (const { test, evidence } of checks) expect(test).toBe(`PGD at ${evidence.attack.epsilon}`)
  })
})

test('what fails, what blocks, whose thread is killed and what is not awaited, in one run', async () => {
  const project = linkedProject({
    ...config,
    'failing.test.ts': `${head}
      test('resists anything', async ({ expect }) => {
        await expect(model).toResistAttack(pgd({ norm: 'linf', epsilon: 0.5 }), { samples, seed: 7 })
      })`,
    'event-loop.test.ts': `${head}
      test('ticks', async () => {
        const controller = new AbortController()
        let ticks = 0
        const timer = setInterval(() => ++ticks === 30 && controller.abort(), 10)
        const attack = pgd({ norm: 'linf', epsilon: 0.01, steps: 10_000, restarts: 10_000 })
        const check = expect(model).toResistAttack(attack, { samples, budget: { signal: controller.signal } })
        await expect(check).rejects.toThrow('The time was up after')
        clearInterval(timer)
      })`,
    'killed.test.ts': `
      import type { Worker } from 'node:worker_threads'
      const threads: Worker[] = []
      process.on('worker', (worker) => threads.push(worker))
      ${head}
      test('the model is loaded into a new thread', async () => {
        const attack = pgd({ norm: 'linf', epsilon: 0.01, steps: 3 })
        for (const killed of [0, 1]) {
          await threads[killed].terminate()
          await expect(model).toResistAttack(attack, { samples, maxFoolingRatio: 0.1 })
        }
        expect(threads).toHaveLength(3)
      })`,
    'awaited.test.ts': `${head}
      test('forgets to await', () => {
        expect(model).toResistAttack(pgd({ norm: 'linf', epsilon: 0.02 }), { samples, maxFoolingRatio: 1 })
      })
      test.fails('forgets to await where it is expected to fail', () => {
        expect(model).toResistAttack(pgd({ norm: 'linf', epsilon: 0.02 }), { samples, maxFoolingRatio: 1 })
      })
      test('is part of another assertion', () => {
        expect({ model }).not.toEqual({ model: expect.toResistAttack(pgd({ norm: 'linf', epsilon: 0.02 }), { samples }) })
      })
      test('has two at once', async () => {
        const check = () => expect(model).toResistAttack(pgd({ norm: 'linf', epsilon: 0.02 }), { samples, maxFoolingRatio: 1 })
        await Promise.all([check(), check()])
      })`,
  })
  const { code, output } = await project.run(...vitest, '--pool=forks', '--reporter=verbose')
  expect(code).toBe(1)
  expect(output).toMatch(/Tests +4 failed \| 3 passed/)

  expect(output).toContain('expect(model).toResistAttack(pgd)')
  expect(output).toContain('model.onnx is fooled on')
  expect(output).toContain('Replay with { seed: 7 }')

  expect(output).toContain('✓ event-loop.test.ts > ticks')
  expect(output).toContain('✓ killed.test.ts > the model is loaded into a new thread')

  expect(output).toContain('expect(model).toResistAttack() was not awaited')
  expect(output).toContain('Expect test to fail')
  expect(output).toMatch(/❯ awaited\.test\.ts:\d+:\d+/)
  expect(output).toContain('expect.toResistAttack() decides nothing inside another assertion')
  expect(output).toContain('✓ awaited.test.ts > has two at once')
})
