import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Attack, AttackContext } from '../../src/attacks/attack.js'
import { apgd } from '../../src/attacks/auto-attack/apgd.js'
import { autoAttack } from '../../src/attacks/auto-attack/auto-attack.js'
import { fab, fabTargeted } from '../../src/attacks/auto-attack/fab.js'
import { firstSuccess } from '../../src/attacks/auto-attack/first-success.js'
import { deepFool } from '../../src/attacks/perturbation-analysis/deep-fool.js'
import { pgd } from '../../src/attacks/perturbation-analysis/pgd.js'
import { attack } from '../../src/attacks/run-attack.js'
import { randomNoise } from '../../src/attacks/without-gradients/random-noise.js'
import { square } from '../../src/attacks/without-gradients/square.js'
import { engine } from '../../src/engine/engine.js'
import { SettingsError } from '../../src/errors.js'
import { encodeModel } from '../../src/graph/encode.js'
import { loadModel } from '../../src/model/load-model.js'
import { randomSource } from '../../src/sampling/random.js'
import { seed } from '../seed.js'
import { graphOf } from '../tiny-models.js'
import { linearCase } from './linear-case.js'
import { randomNetwork } from './random-network.js'

let network: Awaited<ReturnType<typeof randomNetwork>>
beforeAll(async () => {
  network = await randomNetwork(randomSource(seed))
})
afterAll(() => engine.close())

/** The same attack, which also tells what it was given. */
function spied(method: Attack, seen: AttackContext[]): Attack {
  return {
    ...method,
    run(context) {
      seen.push(context)
      return method.run(context)
    },
  }
}

describe('firstSuccess', () => {
  test('later attacks are given the samples that still stand, with radius and label of their own', async () => {
    const { model, inputs, labels, distances } = await linearCase(randomSource(seed), { classes: 2 })
    const epsilon = distances('linf').map((distance, sample) => distance * (sample % 2 ? 1.01 : 0.99))
    const seen: AttackContext[] = []
    const steps = 10
    const parts = [pgd({ epsilon, randomStart: false, steps }), apgd({ epsilon, steps }), randomNoise({ epsilon })]
    const method = firstSuccess(parts.map((part) => spied(part, seen)))
    const result = await attack(model, method, { inputs, labels, seed })
    const odd = labels.map((_, sample) => sample % 2 === 1)
    expect(result.samples.map(({ fooled }) => fooled)).toEqual(odd)
    expect(result.samples.map(({ foundBy }) => foundBy)).toEqual(odd.map((fooled) => (fooled ? 'pgd' : undefined)))
    expect(seen.length).toBe(3)
    const even = labels.filter((_, sample) => sample % 2 === 0)
    for (const { labels: given, epsilons, inputs: points } of seen.slice(1)) {
      expect(Array.from(given)).toEqual(even)
      expect(Array.from(epsilons!)).toEqual(epsilon.filter((_, sample) => sample % 2 === 0))
      expect(points.shape).toEqual([even.length, 6])
    }
    // Fooled samples cost no further queries.
    for (const { fooled, gradientQueries, forwardQueries } of result.samples) {
      expect(gradientQueries <= steps).toBe(fooled)
      // A check after each part, and the ten noises.
      expect(forwardQueries).toBe(fooled ? 1 : 3 + 10)
    }
    await model.close()
  })

  test('fools what any of its parts fools, the first one first', async () => {
    const { model, inputs } = network
    // Noise suffices for some of the large radii.
    const epsilon = Array.from({ length: inputs.shape[0] }, (_, sample) => (sample % 2 ? 0.7 : 0.3))
    const parts = [randomNoise({ epsilon }), fab({ norm: 'linf', steps: 10 }), apgd({ epsilon })]
    const run = (method: Attack) => attack(model, method, { inputs, seed })
    const together = await run(firstSuccess(parts))
    // Noise is drawn first, so it is the same alone.
    const noise = await run(parts[0])
    const closest = await run(parts[1])
    expect(noise.fooled).toBeGreaterThan(0)
    together.samples.forEach(({ fooled, foundBy, distance }, index) => {
      if (noise.samples[index].fooled) expect(foundBy).toBe('randomNoise')
      else if (closest.samples[index].fooled && closest.samples[index].distance!.linf <= epsilon[index]) {
        expect(foundBy).toBe('fab')
      } else expect(foundBy === undefined).toBe(!fooled)
      if (fooled) expect(distance!.linf).toBeLessThanOrEqual(epsilon[index])
    })
    expect(new Set(together.samples.map(({ foundBy }) => foundBy))).toContain('fab')
  })

  test('a minimal-distance attack alone beyond the radius does not count', async () => {
    const { model, inputs, labels, distances } = await linearCase(randomSource(seed), { classes: 2 })
    const epsilon = distances('l2').map((distance) => distance * 0.99)
    const method = firstSuccess([deepFool(), randomNoise({ norm: 'l2', epsilon })])
    expect((await attack(model, method, { inputs, labels, seed })).fooled).toBe(0)
    await model.close()
  })

  test('a minimal-distance attack stops at what is within the radius', async () => {
    const { model, inputs, labels, distances } = await linearCase(randomSource(seed), { classes: 5 })
    const run = (factor: number) => {
      const epsilon = distances('l2').map((distance) => distance * factor)
      const parts = [fabTargeted({ norm: 'l2', steps: 10 }), randomNoise({ norm: 'l2', epsilon })]
      return attack(model, firstSuccess(parts), { inputs, labels, seed })
    }
    const wide = await run(100)
    expect(wide.samples.map(({ gradientQueries }) => gradientQueries)).toEqual(labels.map(() => 10))
    const narrow = await run(0.99)
    expect(narrow.samples.map(({ gradientQueries }) => gradientQueries)).toEqual(labels.map(() => 40))
    await model.close()
  })

  test('targets go along', async () => {
    const { model, inputs, labels } = await linearCase(randomSource(seed), { classes: 3 })
    const target = labels.map((label) => (label + 1) % 3)
    const seen: AttackContext[] = []
    const small = pgd({ epsilon: 40, steps: 1, target })
    const parts = [small, apgd({ epsilon: 40, target })].map((part) => spied(part, seen))
    const result = await attack(model, firstSuccess(parts), { inputs, labels, seed })
    expect(result.samples.map(({ adversarialPrediction }) => adversarialPrediction)).toEqual(target)
    for (const { targets, labels: given } of seen) {
      expect(Array.from(targets!)).toEqual(Array.from(given, (label) => (label + 1) % 3))
    }
    await model.close()
  })

  test('warns of scores that never change, unless one of its parts had something to go by', async () => {
    const load = (slope: number) =>
      loadModel(
        encodeModel(
          graphOf([2], (builder, input) => {
            const steps = builder.add('Round', [builder.add('Mul', [input, builder.scalar(4)])])
            return builder.add('Add', [steps, builder.add('Mul', [input, builder.scalar(slope)])])
          }),
        ),
        { domain: [-1, 1] },
      )
    const inputs = { data: Float32Array.of(0.5, -0.5), shape: [1, 2] }
    const parts = [square({ epsilon: 0.01, queries: 20 }), square({ epsilon: 0.01, queries: 30 })]
    for (const [slope, isFlat] of [
      [0, true],
      [0.1, false],
    ] as const) {
      const model = await load(slope)
      const { warnings } = await attack(model, firstSuccess(parts), { inputs, seed })
      expect(warnings.some((warning) => warning.includes('scores of 1 of 1 eligible samples were the same'))).toBe(
        isFlat,
      )
      await model.close()
    }
  })

  test.each<[string, () => Attack, RegExp]>([
    ['no attacks', () => firstSuccess([]), /attacks must be a list .* it is empty/],
    ['no radius', () => firstSuccess([deepFool()]), /at least one attack with a radius/],
    ['two norms', () => firstSuccess([pgd({ epsilon: 1 }), deepFool()]), /deepFool and pgd differ in norm/],
    ['two radii', () => firstSuccess([pgd({ epsilon: 1 }), apgd({ epsilon: 2 })]), /differ in epsilon/],
    ['radii per sample', () => firstSuccess([pgd({ epsilon: [1, 2] }), apgd({ epsilon: [1, 3] })]), /epsilon/],
    ['two targets', () => firstSuccess([pgd({ epsilon: 1, target: 1 }), apgd({ epsilon: 1 })]), /differ in target/],
  ])('%s is refused', (_, make, message) => {
    expect(make).toThrow(SettingsError)
    expect(make).toThrow(message)
  })
})

describe('autoAttack', () => {
  test.each(['linf', 'l2'] as const)(
    'on linear classifiers, %s: just above the exact distance, not just below',
    async (norm) => {
      const { model, inputs, labels, distances } = await linearCase(randomSource(seed), { count: 6 })
      const run = (factor: number) =>
        attack(model, autoAttack({ norm, epsilon: distances(norm).map((distance) => distance * factor) }), {
          inputs,
          labels,
          seed,
        })
      expect((await run(1.001)).fooled).toBe(labels.length)
      const below = await run(0.999)
      expect(below.fooled).toBe(0)
      // APGD, then APGD-T and FAB-T for both other classes.
      expect(below.samples.every(({ gradientQueries }) => gradientQueries === 500)).toBe(true)
      await model.close()
    },
  )

  test('is at least as strong as its parts, replayed by its seed, and says who fooled what', async () => {
    const { model, inputs } = network
    const epsilon = 0.3
    const run = (method: Attack) => attack(model, method, { inputs, seed })
    const result = await run(autoAttack({ epsilon }))
    expect(result.fooled).toBeGreaterThanOrEqual((await run(apgd({ epsilon }))).fooled)
    expect(result.fooled).toBeGreaterThan(0)
    for (const { fooled, foundBy } of result.samples) {
      if (fooled) expect(['apgd', 'apgdTargeted', 'fabTargeted', 'square']).toContain(foundBy)
    }
    expect(await run(autoAttack({ epsilon }))).toEqual({ ...result, milliseconds: expect.any(Number) })
  })

  test('is interrupted by the budget', async () => {
    const { model, inputs } = network
    expect(await attack(model, autoAttack({ epsilon: 0.01 }), { inputs, seed, budget: 0 })).toMatchObject({
      interrupted: true,
      fooled: 0,
      gradientQueries: 0,
    })
    const controller = new AbortController()
    const some = await attack(model, autoAttack({ epsilon: 0.01 }), {
      inputs,
      seed,
      budget: { signal: controller.signal },
      // Its second of four attacks.
      onProgress: (fraction) => fraction > 0.3 && controller.abort(),
    })
    expect(some.interrupted).toBe(true)
    expect(some.gradientQueries).toBeGreaterThan(100 * inputs.shape[0])
    expect(some.gradientQueries).toBeLessThan(1000 * inputs.shape[0])
    expect(some.forwardQueries).toBeLessThan(1000)
  })

  test('its settings name its parts', () => {
    expect(autoAttack({ epsilon: 0.1 }).settings).toEqual({
      norm: 'linf',
      epsilon: 0.1,
      version: 'standard',
      attacks: 'apgd, apgdTargeted, fabTargeted, square',
    })
    expect(autoAttack({ norm: 'l2', epsilon: [1, 2], version: 'plus' }).settings).toEqual({
      norm: 'l2',
      epsilon: 'per sample',
      version: 'plus',
      attacks: 'apgd, apgd, fab, square, apgdTargeted, fabTargeted',
    })
  })

  test.each<[string, () => Attack, RegExp]>([
    ['no epsilon', () => autoAttack({} as never), /autoAttack: epsilon/],
    ['another norm', () => autoAttack({ norm: 'l0' as never, epsilon: 1 }), /autoAttack takes the norms/],
    ['another version', () => autoAttack({ epsilon: 1, version: 'rand' as never }), /versions standard and plus/],
  ])('%s is refused', (_, make, message) => {
    expect(make).toThrow(SettingsError)
    expect(make).toThrow(message)
  })
})
