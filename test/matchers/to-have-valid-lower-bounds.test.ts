import { beforeAll, expect, test } from 'vitest'
import '../../matchers/vitest.js'
import { loadFixture } from '../../fixtures/index.js'
import { linearRegion } from '../../src/attacks/linear-region/linear-region.js'
import { attack } from '../../src/attacks/run-attack.js'
import type { Bound } from '../../src/bounds/bound.js'
import { boundValidityEvidence } from '../../src/checks/bound-validity-evidence.js'
import { UnsupportedOperatorError } from '../../src/errors.js'
import type { Classifier } from '../../src/model/classifier.js'
import { loadModel } from '../../src/model/load-model.js'
import { firstSamples } from '../../src/sampling/samples.js'
import { seed } from '../seed.js'
import { exactBound, fools, samplesBelow, thresholdModel } from './subject.js'

let model: Classifier
beforeAll(async () => {
  model = await thresholdModel()
})

const samples = samplesBelow(5)

test('a bound that holds withstands the default attacks and random perturbations', async () => {
  await expect(model).toHaveValidLowerBounds({ samples, bound: exactBound(), seed })
  await expect(
    expect(model).not.toHaveValidLowerBounds({ samples, bound: exactBound(), seed }),
  ).rejects.toThrowErrorMatchingInlineSnapshot(`
    [Error: expect(model).not.toHaveValidLowerBounds(exact)

    The linf radii that exact certifies for 5 samples of threshold.onnx (smallest 0.4593, median 0.4793) withstood apgdTargeted, fmn, 100 random perturbations.
    Expected: an adversarial example within one of them.

    Replay with { seed: 20261120 }.]
  `)
})

test.each(['linf', 'l2', 'l1'] as const)(
  'the default attacks refute a %s bound that promises 5 %% too much',
  async (norm) => {
    const bound = exactBound(1.05, { norm })
    await expect(model).not.toHaveValidLowerBounds({ samples, bound, seed })
    const failure = await expect(model)
      .toHaveValidLowerBounds({ samples, bound, seed })
      .catch((error: Error) => error.message)
    // One line per sample, however many attacks refute it.
    expect(failure).toMatch(/found by (apgdTargeted|fmn)/)
    expect((failure as string).match(/found by/g)).toHaveLength(5)
  },
)

test.each(['linf', 'l2', 'l1'] as const)(
  'the default attacks refute nearly all %s radii that are a hundredth too large',
  async (norm) => {
    const { modelPath, domain, samples: all } = await loadFixture('digits_mlp')
    const digits = await loadModel(modelPath, { domain })
    const few = firstSamples(all, 20)
    const closest = await attack(digits, linearRegion({ norm, kicks: 5 }), { ...few, seed })
    const found = closest.samples.filter(({ fooled }) => fooled)
    const radiiTimes = (factor: number) =>
      boundValidityEvidence(
        digits,
        exactBound(1, {
          norm,
          sound: false,
          // Of the eligible samples, in their order.
          radii: async () => Float64Array.from(found, ({ distance }) => factor * distance![norm]),
        }),
        few,
        { seed, runs: 0 },
      )
    const tooLarge = await radiiTimes(1.01)
    expect(tooLarge.verdict).toBe('violated')
    expect(tooLarge.finding!.violations.length).toBeGreaterThan(0.9 * found.length)
    expect((await radiiTimes(0.99)).verdict).toBe('valid')
    await digits.close()
  },
)

test('margins of radii beyond the certified ones are refuted, too', async () => {
  // A thousandth too large: less than what the search for the radius leaves open.
  const slightly = await evidenceOf(exactBound(1.001))
  expect(slightly.verdict).toBe('violated')
  expect(slightly.finding!.violations.map(({ sample }) => sample)).toEqual([0, 1, 2, 3, 4])
  for (const { distance, radius } of slightly.finding!.violations) expect(distance).toBeLessThanOrEqual(radius)

  const { margins } = exactBound()
  const wrongFarAway = exactBound(1, {
    margins: async (context, epsilon) =>
      (await margins(context, epsilon)).map((margin, index) => (epsilon[index >> 1] > 0.9 ? 1 : margin)),
  })
  expect((await evidenceOf(wrongFarAway)).finding!.violations).toMatchObject(
    [0, 1, 2, 3, 4].map((sample) => ({ sample, radius: 1, adversarialPrediction: 1 })),
  )
  // An estimate promises no more than about what its radii are.
  expect((await evidenceOf(exactBound(1.001, { sound: false }))).verdict).toBe('valid')
})

function evidenceOf(bound: Bound) {
  return boundValidityEvidence(model, bound, samples, { seed, runs: 0 })
}

test('an attack is judged by the distance it reached', async () => {
  const bound = exactBound(1.5)
  await expect(
    expect(model).toHaveValidLowerBounds({ samples, bound, attacks: [fools(2)], seed }),
  ).rejects.toThrowErrorMatchingInlineSnapshot(`
    [Error: expect(model).toHaveValidLowerBounds(exact)

    exact certifies radii for threshold.onnx within which there are adversarial examples: this is a defect of the bound, not of the model.
      sample 0: class 0 → 1 at linf distance 0.51, certified up to 0.7471, found by stub
      sample 1: class 0 → 1 at linf distance 0.5, certified up to 0.7321, found by stub

    Replay with { seed: 20261120 }.]
  `)
  // 0.51 lies beyond the certified radius of each.
  await expect(model).toHaveValidLowerBounds({ samples, bound: exactBound(), attacks: [fools(5)], seed })
})

test('random perturbations refute a bound; the failure is shrunk and can be replayed', async () => {
  const random = { samples, bound: exactBound(1.5), attacks: [], seed }
  const failure = await expect(model)
    .toHaveValidLowerBounds(random)
    .catch((error: Error) => error.message)
  expect(failure).toMatchInlineSnapshot(`
    "expect(model).toHaveValidLowerBounds(exact)

    exact certifies radii for threshold.onnx within which there are adversarial examples: this is a defect of the bound, not of the model.
      sample 0: class 0 → 1 at linf distance 0.5, certified up to 0.7471, found by random perturbation

    Replay with { seed: 20261120, path: "18:0:11:1:1:2:0:4:4:0:2:0:0:0:0:1:4:0:1:0:0:0:0:0:1:1:0:0:1:0" }."
  `)
  const path = /path: "([\d:]+)"/.exec(failure as string)![1]
  const replayed = await expect(model)
    .toHaveValidLowerBounds({ ...random, path })
    .catch((error: Error) => error.message)
  const counterexample = /sample \d.*/
  expect(counterexample.exec(replayed as string)![0]).toBe(counterexample.exec(failure as string)![0])
})

test('without anything that could refute it, nothing is valid', async () => {
  await expectInconclusive({ samples, bound: exactBound(0.5), attacks: [], runs: 0 }, 'nothing tried to refute')
})

test('a bound that certifies nothing is inconclusive', async () => {
  await expectInconclusive({ samples, bound: exactBound(-1) }, 'no radius to refute')
})

test('nothing eligible is inconclusive', async () => {
  const wrong = { ...samples, labels: new Int32Array(5).fill(1) }
  await expectInconclusive({ samples: wrong, bound: exactBound() }, 'nothing to check')
})

test('an attack that cannot run is inconclusive', async () => {
  const error = new UnsupportedOperatorError({
    operator: 'Round',
    node: 'round_1',
    analysis: 'gradient',
    remedy: 'randomNoise needs no gradients.',
  })
  const attack = { ...fools(0), run: () => Promise.reject(error) }
  await expectInconclusive({ samples, bound: exactBound(), attacks: [attack] }, 'No gradient rule')
})

test('an interrupted search is inconclusive, unless it has found a violation', async () => {
  const slow = { ...fools(0, { interrupted: true }) }
  await expectInconclusive({ samples, bound: exactBound(), attacks: [slow], runs: 5 }, 'The time was up')
  const successful = { ...fools(1, { interrupted: true }) }
  await expect(model).not.toHaveValidLowerBounds({ samples, bound: exactBound(1.5), attacks: [successful] })
})

test.each([
  ['no bound', () => expect(model).toHaveValidLowerBounds({ samples } as never)],
  [
    'something else as attack',
    () => expect(model).toHaveValidLowerBounds({ samples, bound: exactBound(), attacks: [1 as never] }),
  ],
  ['half a run', () => expect(model).toHaveValidLowerBounds({ samples, bound: exactBound(), runs: 0.5 })],
])('refuses %s', async (_, assertion) => {
  await expect(assertion()).rejects.toThrowErrorMatchingSnapshot()
})

type Options = Parameters<ReturnType<typeof expect>['toHaveValidLowerBounds']>[0]

async function expectInconclusive(options: Options, reason: string): Promise<void> {
  for (const form of [expect(model), expect(model).not]) {
    const failure = await form.toHaveValidLowerBounds(options).catch((error: Error) => error)
    expect(failure).toMatchObject({ message: expect.stringMatching(/Inconclusive/) })
    expect(failure).toMatchObject({ message: expect.stringContaining(reason) })
  }
}
