import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type { RunningTest } from '../../matchers/assertion.js'
import { createMatchers } from '../../matchers/matchers.js'
import type { Evidence } from '../../src/checks/evidence.js'
import type { Classifier } from '../../src/model/classifier.js'
import { parseProperty } from '../../src/vnnlib/parse-property.js'
import { fools, samplesBelow, thresholdModel } from './subject.js'

let model: Classifier
beforeAll(async () => {
  model = await thresholdModel()
})
afterEach(() => vi.unstubAllEnvs())

const property = parseProperty(
  '(declare-const X_0 Real) (declare-const Y_0 Real) (declare-const Y_1 Real) (assert (<= 0 X_0)) (assert (<= X_0 0.4)) (assert (<= Y_0 Y_1))',
  'safe.vnnlib',
)

/** Whether the assertion passes, and what is recorded, in a test that is expected to fail. */
async function assertion(fooled: number, { isNot = false, ofProperty = false, expectedToFail = true } = {}) {
  const recorded: Evidence[] = []
  const running: RunningTest = {
    budget: {},
    baselines: { testFile: undefined, test: undefined, update: 'none' },
    expectedToFail,
    record: (evidence) => recorded.push(evidence),
  }
  const { toResistAttack, toSatisfyProperty } = createMatchers(() => running)
  const { pass } = ofProperty
    ? await toSatisfyProperty.call({ isNot }, model, property)
    : await toResistAttack.call({ isNot }, model, fools(fooled), { samples: samplesBelow(5), maxFoolingRatio: 0.5 })
  return { passes: pass !== isNot, recorded }
}

test('what is recorded says so', async () => {
  const { passes, recorded } = await assertion(5)
  expect(passes).toBe(false)
  expect(recorded).toMatchObject([
    { verdict: 'fooled', assertion: { negated: false, passed: false, expectedToFail: true } },
  ])
  const { recorded: others } = await assertion(5, { expectedToFail: false })
  expect(others[0].assertion).toEqual({ negated: false, passed: false })
})

describe.each([false, true])('in shards (negated: %s)', (isNot) => {
  test('the first one makes the whole check', async () => {
    vi.stubEnv('UNFOOLED_SHARD', '1/2')
    const { passes, recorded } = await assertion(5, { isNot })
    expect(passes).toBe(isNot)
    expect(recorded).toMatchObject([{ samples: { count: 5 }, assertion: { passed: isNot, expectedToFail: true } }])
    expect(recorded[0].shard).toBeUndefined()
  })

  test.each([false, true])(
    'the others end as the test should, and record nothing (property: %s)',
    async (ofProperty) => {
      vi.stubEnv('UNFOOLED_SHARD', '2/2')
      for (const fooled of [0, 5]) {
        expect(await assertion(fooled, { isNot, ofProperty })).toEqual({ passes: false, recorded: [] })
      }
      const usual = await assertion(0, { isNot, ofProperty: true, expectedToFail: false })
      expect(usual).toEqual({ passes: true, recorded: [] })
    },
  )
})
