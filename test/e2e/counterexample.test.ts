import { expect, test } from 'vitest'
import { BoundViolationError } from '../../src/properties/bound-violation-error.js'
import { counterexample } from '../properties/counterexample.js'
import { linkedProject, readmeFiles, vitest } from './project.js'

const config = { 'vitest.config.mts': readmeFiles('Vitest')['vitest.config.mts']! }

test('the test that a counterexample comes with fails as long as the bound does, and passes when it is put right', async () => {
  const { message } = new BoundViolationError(counterexample)
  const pasted = message.slice(message.indexOf('\n\n') + 2)
  const failing = await linkedProject({ ...config, 'counterexample.test.ts': pasted }).run(...vitest)
  expect(failing.output).toMatch(/AssertionError: expected 3\.1999\d* to be less than 3\.125/)
  expect(failing.output).toMatch(/Tests +1 failed/)
  expect(failing.code).toBe(1)

  const corrected = pasted
    .replace('publishedPeck({})', "lipschitz({ norm: 'l2' })")
    .replace('publishedPeck,', 'lipschitz,')
  const passing = await linkedProject({ ...config, 'counterexample.test.ts': corrected }).run(...vitest)
  expect(passing.output).toMatch(/Tests +1 passed/)
  expect(passing.code).toBe(0)
})
