import { beforeAll, expect, test } from 'vitest'
import '../../matchers/vitest.js'
import { checkRegressionResistance } from '../../matchers/to-resist-regression-attack.js'
import { linear } from '../../src/attacks/regression/linear.js'
import type {
  OutputLoss,
  RegressionAttack,
  RegressionCandidates,
} from '../../src/attacks/regression/regression-attack.js'
import { decodeEvidence, encodeEvidence } from '../../src/checks/encoded-evidence.js'
import { UnsupportedOperatorError } from '../../src/errors.js'
import type { Classifier } from '../../src/model/classifier.js'
import { loadRegressor } from '../../src/model/load-regressor.js'
import type { Regressor } from '../../src/model/regressor.js'
import { seed } from '../seed.js'
import { denseModel } from '../tiny-models.js'
import { exactBound, fools, samplesBelow, thresholdModel } from './subject.js'

/** The output is the input, so that errors can be read off the perturbations. */
let model: Regressor
let classifier: Classifier
beforeAll(async () => {
  model = await loadRegressor(denseModel({ weights: [[1]] }), { domain: [0, 1], name: 'identity.onnx' })
  classifier = await thresholdModel()
})

const samples = { inputs: { data: Float32Array.from({ length: 10 }, (_, index) => index / 16), shape: [10, 1] } }

/** Moves sample i by i/32, the first ones not at all. */
function moves(count: number, changes: Partial<RegressionCandidates> = {}): RegressionAttack {
  return {
    name: 'stub',
    kind: 'regression',
    norm: 'linf',
    epsilon: 0.5,
    settings: { norm: 'linf', epsilon: 0.5, steps: 20 },
    run: async ({ inputs }) => ({
      adversarial: inputs.data.map((value, index) => (index < 10 - count ? value : value + index / 32)),
      gradientQueries: new Int32Array(10).fill(1),
      forwardQueries: new Int32Array(10),
      interrupted: false,
      ...changes,
    }),
  }
}

const presence: OutputLoss = { name: 'presence', value: ([output]) => 2 * output, gradient: () => [2] }

test('passes up to the limit', async () => {
  await expect(model).toResistAttack(moves(0), { samples, maxOutputError: 0 })
  await expect(model).toResistAttack(moves(10), { samples, maxOutputError: (9 / 32) ** 2 })
  await expect(model).toResistAttack(moves(2), { samples, maxOutputError: 0, maxFoolingRatio: 0.2 })
  await expect(model).toResistAttack(moves(10), { samples, minOutputPsnr: 11 })
  await expect(model).not.toResistAttack(moves(10), { samples, minOutputPsnr: 11.1 })
  await expect(model).not.toResistAttack(moves(1), { samples, maxOutputError: 0 })
  await expect(model).not.toResistAttack(moves(3), { samples, maxOutputError: 0, maxFoolingRatio: 0.2 })
})

test('fails above the limit of the error', async () => {
  await expect(
    expect(model).toResistAttack(moves(8), { samples, maxOutputError: 0.01, maxFoolingRatio: 0.1, seed }),
  ).rejects.toThrowErrorMatchingInlineSnapshot(`
    [Error: expect(model).toResistAttack(stub)

    identity.onnx gives outputs with an MSE above 0.01 on 6 of 10 samples, a fooling ratio of 60 % (95 % interval 26.2 % to 87.8 %).
    Accepted: at most 10 %.
    Attack: stub (linf, ε 0.5, steps 20)
    Median PSNR of the outputs: 17.09 dB, without the attack ∞ dB; of the inputs: 17.09 dB.
    Largest errors:
      sample 9: MSE 0.0791, without the attack MSE 0, at linf distance 0.2813
      sample 8: MSE 0.0625, without the attack MSE 0, at linf distance 0.25
      sample 7: MSE 0.04785, without the attack MSE 0, at linf distance 0.2188
      sample 6: MSE 0.03516, without the attack MSE 0, at linf distance 0.1875
      sample 5: MSE 0.02441, without the attack MSE 0, at linf distance 0.1563
      and 1 more

    Warning: The attack did not raise the error of 2 of 10 samples: their gradients may vanish, or the domain leaves no room. Try more dithering, another attack, or randomLp.
    Replay with { seed: 20261120 }.]
  `)
})

test('fails below the limit of the PSNR', async () => {
  await expect(
    expect(model).toResistAttack(moves(3), { samples, minOutputPsnr: 12, seed }),
  ).rejects.toThrowErrorMatchingInlineSnapshot(`
    [Error: expect(model).toResistAttack(stub)

    identity.onnx gives outputs with a PSNR below 12 dB on 1 of 10 samples, a fooling ratio of 10 % (95 % interval 0.3 % to 44.5 %).
    Accepted: none.
    Attack: stub (linf, ε 0.5, steps 20)
    Median PSNR of the outputs: ∞ dB, without the attack ∞ dB; of the inputs: ∞ dB.
    Largest errors:
      sample 9: PSNR 11.02 dB, without the attack PSNR ∞ dB, at linf distance 0.2813

    Warning: The attack did not raise the error of 7 of 10 samples: their gradients may vanish, or the domain leaves no room. Try more dithering, another attack, or randomLp.
    Replay with { seed: 20261120 }.]
  `)
})

test('fails above the limit of a loss', async () => {
  await expect(
    expect(model).toResistAttack(moves(2), { samples, loss: presence, maxLoss: 1.25, seed }),
  ).rejects.toThrowErrorMatchingInlineSnapshot(`
    [Error: expect(model).toResistAttack(stub)

    identity.onnx gives outputs with a loss above 1.25 on 2 of 10 samples, a fooling ratio of 20 % (95 % interval 2.5 % to 55.6 %).
    Accepted: none.
    Attack: stub (linf, ε 0.5, steps 20)
    Median PSNR of the outputs: ∞ dB, without the attack ∞ dB; of the inputs: ∞ dB.
    Largest errors:
      sample 9: loss 1.688, without the attack loss 1.125, at linf distance 0.2813
      sample 8: loss 1.5, without the attack loss 1, at linf distance 0.25

    Warning: The attack did not raise the error of 8 of 10 samples: their gradients may vanish, or the domain leaves no room. Try more dithering, another attack, or randomLp.
    Replay with { seed: 20261120 }.]
  `)
})

test('the negation fails up to the limit', async () => {
  await expect(
    expect(model).not.toResistAttack(moves(2), { samples, maxOutputError: 0, maxFoolingRatio: 0.25, seed }),
  ).rejects.toThrowErrorMatchingInlineSnapshot(`
    [Error: expect(model).not.toResistAttack(stub)

    identity.onnx resists: an MSE above 0 on 2 of 10 samples, a fooling ratio of 20 % (95 % interval 2.5 % to 55.6 %).
    Expected: more than 25 %.
    Attack: stub (linf, ε 0.5, steps 20)
    Median PSNR of the outputs: ∞ dB, without the attack ∞ dB; of the inputs: ∞ dB.

    Warning: The attack did not raise the error of 8 of 10 samples: their gradients may vanish, or the domain leaves no room. Try more dithering, another attack, or randomLp.
    Replay with { seed: 20261120 }.]
  `)
})

test('says which samples were beyond the limit already', async () => {
  const targets = { data: samples.inputs.data.map((value, index) => value - (index < 3 ? 1 : 0)), shape: [10, 1] }
  await expect(
    expect(model).toResistAttack(moves(1), { samples: { ...samples, targets }, maxOutputError: 0.05, seed }),
  ).rejects.toThrowErrorMatchingInlineSnapshot(`
    [Error: expect(model).toResistAttack(stub)

    identity.onnx gives outputs with an MSE above 0.05 on 1 of 7 samples, a fooling ratio of 14.3 % (95 % interval 0.4 % to 57.9 %).
    Accepted: none.
    Attack: stub (linf, ε 0.5, steps 20)
    Median PSNR of the outputs: ∞ dB, without the attack ∞ dB; of the inputs: ∞ dB.
    Not counted: 3 of 10 samples, beyond the limit as they are.
    Largest errors:
      sample 9: MSE 0.0791, without the attack MSE 0, at linf distance 0.2813

    Warning: The attack did not raise the error of 9 of 10 samples: their gradients may vanish, or the domain leaves no room. Try more dithering, another attack, or randomLp.
    Replay with { seed: 20261120 }.]
  `)
})

test('nothing within the limit is inconclusive', async () => {
  const targets = { data: samples.inputs.data.map((value) => value + 1), shape: [10, 1] }
  const wrong = { ...samples, targets }
  await expectInconclusive((form) => form.toResistAttack(moves(0), { samples: wrong, maxOutputError: 0.5 }))
  await expect(
    expect(model).toResistAttack(moves(0), { samples: wrong, minOutputPsnr: 20, seed }),
  ).rejects.toThrowErrorMatchingInlineSnapshot(`
    [Error: expect(model).toResistAttack(stub)

    Inconclusive for identity.onnx, so neither the assertion nor its opposite can pass.
    All 10 outputs have a PSNR below 20 dB without any attack, so there is nothing to check. Look at targets, preprocessing and domain, or set another limit.

    Replay with { seed: 20261120 }.]
  `)
})

test('no samples are inconclusive', async () => {
  const none = { inputs: { data: new Float32Array(0), shape: [0, 1] } }
  await expectInconclusive((form) => form.toResistAttack(moves(0), { samples: none, maxOutputError: 1 }))
  await expect(
    expect(model).toResistAttack(moves(0), { samples: none, maxOutputError: 1, seed }),
  ).rejects.toThrowErrorMatchingInlineSnapshot(`
    [Error: expect(model).toResistAttack(stub)

    Inconclusive for identity.onnx, so neither the assertion nor its opposite can pass.
    There are no samples.

    Replay with { seed: 20261120 }.]
  `)
})

test('an interrupted attack that moved few outputs is inconclusive', async () => {
  const attack = moves(1, { interrupted: true })
  const options = { samples, maxOutputError: 0, maxFoolingRatio: 0.1, seed }
  await expectInconclusive((form) => form.toResistAttack(attack, options))
  await expect(timeless(expect(model).toResistAttack(attack, options))).rejects.toThrowErrorMatchingInlineSnapshot(`
    [Error: expect(model).toResistAttack(stub)

    Inconclusive for identity.onnx, so neither the assertion nor its opposite can pass.
    The time was up after <time>, with 1 of 10 samples fooled: the rest of the attack might have fooled more than the accepted 10 %.

    Warning: The time budget ended the attack early: errors might be larger after the rest of it. Allow more time, or attack fewer samples or with fewer steps.
    Replay with { seed: 20261120 }.]
  `)
})

test('an interrupted attack that moved too many has decided', async () => {
  const attack = moves(2, { interrupted: true })
  await expect(model).not.toResistAttack(attack, { samples, maxOutputError: 0, maxFoolingRatio: 0.1 })
})

test('an attack that cannot run, NaN and samples outside the domain are inconclusive', async () => {
  const error = new UnsupportedOperatorError({
    operator: 'Round',
    node: 'round_1',
    analysis: 'gradient',
    remedy: 'randomLp needs no gradients.',
  })
  const failing = { ...moves(0), run: () => Promise.reject(error) }
  await expectInconclusive((form) => form.toResistAttack(failing, { samples, maxOutputError: 1 }))
  const broken = { ...presence, value: () => Number.NaN }
  await expectInconclusive((form) => form.toResistAttack(moves(0), { samples, loss: broken, maxLoss: 1 }))
  const outside = { inputs: { data: Float32Array.of(2), shape: [1, 1] } }
  await expectInconclusive((form) => form.toResistAttack(moves(0), { samples: outside, maxOutputError: 1 }))
  const targets = { data: Float32Array.of(1), shape: [1, 1] }
  await expectInconclusive((form) =>
    form.toResistAttack(moves(0), { samples: { ...samples, targets }, maxOutputError: 1 }),
  )
})

test('a defect is neither a verdict nor inconclusive', async () => {
  const attack = { ...moves(0), run: () => Promise.reject(new RangeError('a defect')) }
  await expect(expect(model).not.toResistAttack(attack, { samples, maxOutputError: 1 })).rejects.toThrow(RangeError)
})

test('an attack of this package, from end to end', async () => {
  await expect(model).toResistAttack(linear({ epsilon: 0.1 }), { samples, maxOutputError: 0.0101, seed })
  await expect(model).not.toResistAttack(linear({ epsilon: 0.1 }), { samples, maxOutputError: 0.0099, seed })
})

test('evidence has what was asked and what was found, and survives being encoded', async () => {
  const evidence = await checkRegressionResistance(model, moves(2), { samples, minOutputPsnr: 15, seed })
  expect(evidence).toMatchObject({
    kind: 'regression-attack',
    verdict: 'fooled',
    attack: { name: 'stub', kind: 'regression', norm: 'linf', epsilon: 0.5 },
    limit: { quantity: 'psnr', value: 15 },
    samples: { count: 10, labels: 'predicted' },
    model: { output: { shape: [1], range: [0, 1] } },
    finding: { eligible: 10, fooled: 2, foolingRatio: { value: 0.2 } },
  })
  expect(evidence.finding!.perSample.cleanErrors[0]).toBe(Number.POSITIVE_INFINITY)
  expect(decodeEvidence(JSON.parse(JSON.stringify(encodeEvidence(evidence))))).toEqual(evidence)
})

test.each([
  ['no limit', () => expect(model).toResistAttack(moves(0), { samples })],
  ['two limits', () => expect(model).toResistAttack(moves(0), { samples, maxOutputError: 1, minOutputPsnr: 20 })],
  ['a negative error', () => expect(model).toResistAttack(moves(0), { samples, maxOutputError: -1 })],
  ['a PSNR of NaN', () => expect(model).toResistAttack(moves(0), { samples, minOutputPsnr: Number.NaN })],
  ['a limit of a loss that is not given', () => expect(model).toResistAttack(moves(0), { samples, maxLoss: 1 })],
  [
    'a ratio that is a percentage',
    () => expect(model).toResistAttack(moves(0), { samples, maxOutputError: 1, maxFoolingRatio: 10 }),
  ],
  ['no samples', () => expect(model).toResistAttack(moves(0), { maxOutputError: 1 } as never)],
  ['no attack', () => expect(model).toResistAttack(undefined as never, { samples, maxOutputError: 1 })],
  ['an attack on classifiers', () => expect(model).toResistAttack(fools(0), { samples, maxOutputError: 1 } as never)],
  [
    'an attack on regressors for a classifier',
    () => expect(classifier).toResistAttack(moves(0), { samples: samplesBelow(3), maxOutputError: 1 }),
  ],
  [
    'a regressor where a bound is asked for',
    () => expect(model).toHaveValidLowerBounds({ samples, bound: exactBound() }),
  ],
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
