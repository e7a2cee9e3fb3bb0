import { beforeAll, expect, test } from 'vitest'
import '../../matchers/vitest.js'
import { failureMessage } from '../../matchers/messages/failure-message.js'
import { UnsupportedOperatorError } from '../../src/errors.js'
import type { Classifier } from '../../src/model/classifier.js'
import { loadModel } from '../../src/model/load-model.js'
import { attackEvidence } from '../reporters/evidence.js'
import { seed } from '../seed.js'
import { denseModel } from '../tiny-models.js'
import { fools, samplesBelow, thresholdModel } from './subject.js'

let model: Classifier
beforeAll(async () => {
  model = await thresholdModel()
})

const samples = samplesBelow(20)

test('passes up to the limit', async () => {
  await expect(model).toResistAttack(fools(0), { samples })
  await expect(model).toResistAttack(fools(2), { samples, maxFoolingRatio: 0.1 })
  await expect(model).not.toResistAttack(fools(1), { samples })
  await expect(model).not.toResistAttack(fools(3), { samples, maxFoolingRatio: 0.1 })
})

test('fails above the limit', async () => {
  await expect(
    expect(model).toResistAttack(fools(7), { samples, maxFoolingRatio: 0.1, seed }),
  ).rejects.toThrowErrorMatchingInlineSnapshot(`
    [Error: expect(model).toResistAttack(stub)

    threshold.onnx is fooled on 7 of 20 samples, a fooling ratio of 35 % (95 % interval 15.4 % to 59.2 %).
    Accepted: at most 10 %.
    Attack: stub (linf, ε 0.6, steps 40, stepSize 0.01)
    Closest adversarial examples:
      sample 6: class 0 → 1 at linf distance 0.45
      sample 5: class 0 → 1 at linf distance 0.46
      sample 4: class 0 → 1 at linf distance 0.47
      sample 3: class 0 → 1 at linf distance 0.48
      sample 2: class 0 → 1 at linf distance 0.49
      and 2 more

    Replay with { seed: 20261120 }.]
  `)
})

test('the negation fails up to the limit', async () => {
  await expect(
    expect(model).not.toResistAttack(fools(2), { samples, maxFoolingRatio: 0.1, seed }),
  ).rejects.toThrowErrorMatchingInlineSnapshot(`
    [Error: expect(model).not.toResistAttack(stub)

    threshold.onnx resists: fooled on 2 of 20 samples, a fooling ratio of 10 % (95 % interval 1.2 % to 31.7 %).
    Expected: more than 10 %.
    Attack: stub (linf, ε 0.6, steps 40, stepSize 0.01)

    Replay with { seed: 20261120 }.]
  `)
})

test('says which samples do not count', async () => {
  const labels = Int32Array.from({ length: 20 }, (_, index) => (index < 5 ? 1 : 0))
  await expect(
    expect(model).toResistAttack(fools(1), { samples: { ...samples, labels }, seed }),
  ).rejects.toThrowErrorMatchingInlineSnapshot(`
    [Error: expect(model).toResistAttack(stub)

    threshold.onnx is fooled on 1 of 15 samples, a fooling ratio of 6.7 % (95 % interval 0.2 % to 31.9 %).
    Accepted: none.
    Attack: stub (linf, ε 0.6, steps 40, stepSize 0.01)
    Not counted: 5 of 20 samples, misclassified as they are.
    Closest adversarial examples:
      sample 5: class 0 → 1 at linf distance 0.46

    Replay with { seed: 20261120 }.]
  `)
})

test('shows radii that differ between samples', async () => {
  const attack = { ...fools(1), epsilon: Float64Array.from({ length: 20 }, (_, index) => 0.6 + index / 100) }
  await expect(expect(model).toResistAttack(attack, { samples, seed })).rejects.toThrow('ε 0.6 to 0.79 per sample')
})

test('radii of more samples than a call takes arguments are in the message', () => {
  const epsilon = Float64Array.from({ length: 200_000 }, (_, sample) => sample / 200_000)
  expect(failureMessage(attackEvidence({}, { epsilon }))).toContain('ε 0 to 1 per sample')
})

test('judges by the one-sided binomial bounds when given a confidence', async () => {
  // 1 − 0.05^(1/n) is the upper bound without any success: 0.1391 for n = 20.
  await expect(model).toResistAttack(fools(0), { samples, maxFoolingRatio: 0.1392, confidence: 0.95 })
  await expectInconclusive((form) =>
    form.toResistAttack(fools(0), { samples, maxFoolingRatio: 0.139, confidence: 0.95 }),
  )
  // And 0.05^(1/n) is the lower bound without any failure: 0.8609.
  await expect(model).not.toResistAttack(fools(20), { samples, maxFoolingRatio: 0.86, confidence: 0.95 })
  await expectInconclusive((form) =>
    form.toResistAttack(fools(20), { samples, maxFoolingRatio: 0.861, confidence: 0.95 }),
  )
})

test('too few samples for the confidence are inconclusive', async () => {
  await expect(
    expect(model).toResistAttack(fools(0), { samples, maxFoolingRatio: 0.1, confidence: 0.95, seed }),
  ).rejects.toThrowErrorMatchingInlineSnapshot(`
    [Error: expect(model).toResistAttack(stub)

    Inconclusive for threshold.onnx, so neither the assertion nor its opposite can pass.
    At 95 % confidence, 0 of 20 samples fooled means a fooling ratio from 0 % to 13.9 %: the limit of 10 % lies between. Check more samples, at least 29 if none of them is fooled.

    Replay with { seed: 20261120 }.]
  `)
})

test('nothing eligible is inconclusive', async () => {
  const wrong = { ...samples, labels: new Int32Array(20).fill(1) }
  await expectInconclusive((form) => form.toResistAttack(fools(0), { samples: wrong }))
  await expect(
    expect(model).toResistAttack(fools(0), { samples: wrong, seed }),
  ).rejects.toThrowErrorMatchingInlineSnapshot(`
    [Error: expect(model).toResistAttack(stub)

    Inconclusive for threshold.onnx, so neither the assertion nor its opposite can pass.
    None of the 20 samples is classified correctly, so there is nothing to check. Look at labels (numbered from 0), preprocessing and domain.

    Replay with { seed: 20261120 }.]
  `)
})

test('no samples are inconclusive', async () => {
  await expectInconclusive((form) => form.toResistAttack(fools(0), { samples: samplesBelow(0) }))
})

test('an interrupted attack is inconclusive while it may still fool too many', async () => {
  const attack = fools(2, { interrupted: true })
  await expectInconclusive((form) => form.toResistAttack(attack, { samples, maxFoolingRatio: 0.1 }))
  await expect(
    timeless(expect(model).toResistAttack(attack, { samples, maxFoolingRatio: 0.1, seed })),
  ).rejects.toThrowErrorMatchingInlineSnapshot(`
    [Error: expect(model).toResistAttack(stub)

    Inconclusive for threshold.onnx, so neither the assertion nor its opposite can pass.
    The time was up after <time>, with 2 of 20 samples fooled: the rest of the attack might have fooled more than the accepted 10 %.

    Warning: The time budget ended the attack early: samples that were not fooled might be by the rest of it. Allow more time, or attack fewer samples or with fewer steps.
    Replay with { seed: 20261120 }.]
  `)
})

test('an interrupted attack that has fooled too many has decided', async () => {
  const attack = fools(3, { interrupted: true })
  await expect(model).not.toResistAttack(attack, { samples, maxFoolingRatio: 0.1 })
  await expect(expect(model).toResistAttack(attack, { samples, maxFoolingRatio: 0.1 })).rejects.toThrow(
    'is fooled on 3',
  )
})

test('an attack that cannot run is inconclusive', async () => {
  const error = new UnsupportedOperatorError({
    operator: 'Round',
    node: 'round_1',
    analysis: 'gradient',
    remedy: 'randomNoise needs no gradients.',
  })
  const attack = { ...fools(0), run: () => Promise.reject(error) }
  await expectInconclusive((form) => form.toResistAttack(attack, { samples }))
  await expect(expect(model).not.toResistAttack(attack, { samples, seed })).rejects.toThrowErrorMatchingInlineSnapshot(`
    [Error: expect(model).not.toResistAttack(stub)

    Inconclusive for threshold.onnx, so neither the assertion nor its opposite can pass.
    No gradient rule for operator Round (node round_1). randomNoise needs no gradients.

    Replay with { seed: 20261120 }.]
  `)
})

test('samples outside the domain and NaN are inconclusive', async () => {
  for (const value of [1.5, Number.NaN]) {
    const outside = { inputs: { data: Float32Array.of(value), shape: [1, 1] } }
    await expectInconclusive((form) => form.toResistAttack(fools(0), { samples: outside }))
  }
})

test('a defect is neither a verdict nor inconclusive', async () => {
  const attack = { ...fools(0), run: () => Promise.reject(new RangeError('a defect')) }
  await expect(expect(model).not.toResistAttack(attack, { samples })).rejects.toThrow(RangeError)
})

test('warnings of model and attack come with a failure', async () => {
  const network = denseModel({ weights: [[-1], [1]], bias: [0.5, -0.5], activation: 'Sigmoid' })
  const probable = await loadModel(network, { domain: [0, 1], name: 'sigmoid.onnx' })
  await expect(expect(probable).toResistAttack(fools(1), { samples, seed })).rejects.toThrow(
    probable.description.warnings[0],
  )
})

test.each([
  ['a model that is a path', () => expect('model.onnx').toResistAttack(fools(0), { samples })],
  ['a model that was not awaited', () => expect(Promise.resolve(model)).toResistAttack(fools(0), { samples })],
  ['no attack', () => expect(model).toResistAttack(undefined as never, { samples })],
  ['the attack itself', () => expect(model).toResistAttack(fools as never, { samples })],
  ['no options', () => expect(model).toResistAttack(fools(0), undefined as never)],
  ['inputs for samples', () => expect(model).toResistAttack(fools(0), { samples: samples.inputs as never })],
  [
    'samples that were not awaited',
    () => expect(model).toResistAttack(fools(0), { samples: Promise.resolve(samples) as never }),
  ],
  [
    'numbers of another type',
    () =>
      expect(model).toResistAttack(fools(0), {
        samples: { inputs: { data: new Float64Array(1) as never, shape: [1, 1] } },
      }),
  ],
  [
    'inputs without a shape',
    () => expect(model).toResistAttack(fools(0), { samples: { inputs: { data: new Float32Array(1) } as never } }),
  ],
  [
    'misspelt labels',
    () =>
      expect(model).toResistAttack(fools(0), { samples: { inputs: samples.inputs, label: samples.labels } as never }),
  ],
  ['a misspelt option', () => expect(model).toResistAttack(fools(0), { samples, maxFoolingRate: 0.1 } as never)],
  ['a percentage', () => expect(model).toResistAttack(fools(0), { samples, maxFoolingRatio: 10 })],
  [
    'a confidence of 95',
    () => expect(model).toResistAttack(fools(0), { samples, maxFoolingRatio: 0.1, confidence: 95 }),
  ],
  ['a confidence without a limit', () => expect(model).toResistAttack(fools(0), { samples, confidence: 0.95 })],
])('refuses %s', async (_, assertion) => {
  await expect(assertion()).rejects.toThrowErrorMatchingSnapshot()
})

async function expectInconclusive(assertion: (form: ReturnType<typeof expect>) => Promise<void>): Promise<void> {
  await expect(assertion(expect(model))).rejects.toThrow('Inconclusive')
  await expect(assertion(expect(model).not as ReturnType<typeof expect>)).rejects.toThrow('Inconclusive')
}

/** Durations in a message differ from run to run. */
function timeless(assertion: Promise<void>): Promise<void> {
  return assertion.catch((error: Error) => {
    throw new Error(error.message.replace(/[\d.]+ m?s\b/g, '<time>'))
  })
}
