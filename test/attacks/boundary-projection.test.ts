import { afterAll, describe, expect, test } from 'vitest'
import { boundaryProjection } from '../../src/attacks/minimal-distance/boundary-projection.js'
import { ddn } from '../../src/attacks/minimal-distance/ddn.js'
import { fmn } from '../../src/attacks/minimal-distance/fmn.js'
import { deepFool } from '../../src/attacks/perturbation-analysis/deep-fool.js'
import { pgd } from '../../src/attacks/perturbation-analysis/pgd.js'
import { attack } from '../../src/attacks/run-attack.js'
import { engine } from '../../src/engine/engine.js'
import { SettingsError } from '../../src/errors.js'
import { loadModel } from '../../src/model/load-model.js'
import { randomSource } from '../../src/sampling/random.js'
import { range } from '../../src/sampling/rows.js'
import { median } from '../../src/statistics/median.js'
import { seed } from '../seed.js'
import { linearCase } from './linear-case.js'
import { oneAtATimeCase } from './one-at-a-time.js'
import { randomNetwork } from './random-network.js'
import { wedge } from './wedge.js'

afterAll(() => engine.close())

describe.each(['l2', 'linf'] as const)('boundaryProjection %s', (norm) => {
  test('is exact on linear classifiers', async () => {
    const { model, inputs, labels, distances } = await linearCase(randomSource(seed), { classes: 5, count: 20 })
    const { samples, fooled } = await attack(model, boundaryProjection({ norm }), { inputs, labels, seed })
    expect(fooled).toBe(labels.length)
    samples.forEach(({ distance }, index) => {
      const exact = distances(norm)[index]
      // Logits of order 5 are rounded to 5e-7.
      expect(Math.abs(distance![norm] - exact)).toBeLessThan(1e-5 * exact + 5e-7)
    })
    await model.close()
  })

  test('finds the tip of a wedge, at a kink, which fmn and deepFool do not', async () => {
    const random = randomSource(seed)
    const inputs = { data: Float32Array.of(0, 0), shape: [1, 2] }
    const ratios = { exact: [] as number[], fmn: [] as number[], deepFool: [] as number[] }
    for (const _ of range(12)) {
      const { model, distances } = await wedge(random)
      const ratio = async (method: ReturnType<typeof fmn>) => {
        const { samples } = await attack(model, method, { inputs, seed })
        return (samples[0].distance?.[norm] ?? Number.POSITIVE_INFINITY) / distances[norm]
      }
      ratios.exact.push(await ratio(boundaryProjection({ norm, starts: [fmn({ norm }), deepFool({ norm })] })))
      ratios.fmn.push(await ratio(fmn({ norm })))
      ratios.deepFool.push(await ratio(deepFool({ norm })))
      await model.close()
    }
    // Where the wedge is narrow neither start finds it.
    const found = ratios.exact.filter(Number.isFinite)
    expect(found.length).toBeGreaterThanOrEqual(10)
    expect(Math.min(...found)).toBeGreaterThan(1 - 1e-5)
    expect(Math.max(...found)).toBeLessThan(1 + 1e-5)
    expect(Math.max(...ratios.fmn)).toBeGreaterThan(1 + 1e-4)
    expect(Math.max(...ratios.deepFool)).toBeGreaterThan(1.01)
  })

  test('is never further than its starts, and nearer than deepFool', async () => {
    const { model, inputs } = await randomNetwork(randomSource(seed))
    const [first, improved] = [
      await attack(model, deepFool({ norm }), { inputs, seed }),
      await attack(model, boundaryProjection({ norm, starts: [deepFool({ norm })] }), { inputs, seed }),
    ]
    expect(improved.fooled).toBe(first.fooled)
    expect(improved.fooled).toBeGreaterThan(10)
    expect(improved.warnings).toEqual([])
    const fooled = range(improved.samples.length).filter((sample) => improved.samples[sample].fooled)
    const ratios = fooled.map(
      (sample) => improved.samples[sample].distance![norm] / first.samples[sample].distance![norm],
    )
    expect(Math.max(...ratios)).toBeLessThanOrEqual(1 + 1e-7)
    expect(Math.min(...ratios)).toBeLessThan(0.99)
    await model.close()
  })

  test('keeps to the domain to the last bit, and leaves frozen features', async () => {
    const { model, inputs } = await randomNetwork(randomSource(seed))
    const { lower, upper } = model.domain
    lower[2] = upper[2] = 0.3
    const data = inputs.data.map((value, index) => (index % 8 === 2 ? 0.3 : value < 0.4 ? 0 : value > 0.6 ? 1 : value))
    const { samples, fooled } = await attack(model, boundaryProjection({ norm }), {
      inputs: { ...inputs, data },
      seed,
    })
    expect(fooled).toBeGreaterThan(5)
    let atBounds = 0
    for (const { adversarial } of samples) {
      if (!adversarial) continue
      expect(adversarial[2]).toBe(Math.fround(0.3))
      adversarial.forEach((value, feature) => {
        expect(value).toBeGreaterThanOrEqual(lower[feature])
        expect(value).toBeLessThanOrEqual(upper[feature])
        if (value === 0 || value === 1) atBounds++
      })
    }
    expect(atBounds).toBeGreaterThan(0)
    await model.close()
  })

  test('a targeted attack reaches its target, no nearer than any class is', async () => {
    const { model, inputs } = await randomNetwork(randomSource(seed))
    const free = await attack(model, boundaryProjection({ norm }), { inputs, seed })
    const target = free.samples.map(({ adversarialPrediction }) => adversarialPrediction)
    const aimed = await attack(model, boundaryProjection({ norm, target }), { inputs, seed })
    expect(aimed.fooled).toBeGreaterThanOrEqual(aimed.eligible - 1)
    const ratios = aimed.samples.flatMap(({ fooled, adversarialPrediction, distance }, index) => {
      if (!fooled) return []
      expect(adversarialPrediction).toBe(target[index])
      return [distance![norm] / free.samples[index].distance![norm]]
    })
    expect(median(ratios)).toBeCloseTo(1, 4)
    await model.close()
  })

  test('gives the same again, and counts what it does', async () => {
    const { model, inputs } = await randomNetwork(randomSource(seed))
    const run = (steps: number) => attack(model, boundaryProjection({ norm, steps }), { inputs, seed })
    const [first, second] = [await run(10), await run(10)]
    second.samples.forEach(({ adversarial }, index) => {
      expect(adversarial).toEqual(first.samples[index].adversarial)
    })
    const start = await attack(model, fmn({ norm }), { inputs, seed })
    first.samples.forEach(({ fooled, gradientQueries, forwardQueries }, index) => {
      const before = start.samples[index]
      if (!fooled) return
      expect(gradientQueries).toBeGreaterThan(before.gradientQueries)
      expect(gradientQueries).toBeLessThanOrEqual(before.gradientQueries + 10)
      expect(forwardQueries).toBeGreaterThan(before.forwardQueries)
    })
    await model.close()
  })

  test('a batch gives what its samples give alone', async () => {
    const { together, alone, inputs } = oneAtATimeCase()
    const [batch, single] = [await loadModel(together, { domain: [0, 1] }), await loadModel(alone, { domain: [0, 1] })]
    const [first, second] = [
      await attack(batch, boundaryProjection({ norm }), { inputs, seed }),
      await attack(single, boundaryProjection({ norm }), { inputs, seed }),
    ]
    expect(first.fooled).toBeGreaterThan(0)
    second.samples.forEach(({ fooled, distance }, index) => {
      expect(fooled).toBe(first.samples[index].fooled)
      if (fooled) expect(distance![norm]).toBeCloseTo(first.samples[index].distance![norm], 4)
    })
    await Promise.all([batch.close(), single.close()])
  })

  test('keeps what it has found when the budget ends', async () => {
    const { model, inputs } = await randomNetwork(randomSource(seed))
    const start = await attack(model, deepFool({ norm }), { inputs, seed })
    for (const [limit, least] of [
      [0.2, 0],
      [0.51, start.fooled],
    ]) {
      const controller = new AbortController()
      const result = await attack(model, boundaryProjection({ norm, starts: [deepFool({ norm })] }), {
        inputs,
        seed,
        budget: { signal: controller.signal },
        onProgress: (fraction) => fraction >= limit && controller.abort(),
      })
      expect(result.interrupted).toBe(true)
      expect(result.fooled).toBeGreaterThanOrEqual(least)
    }
    await model.close()
  })
})

test('the closest of several starts counts', async () => {
  const { model, inputs } = await randomNetwork(randomSource(seed))
  const run = async (...starts: ReturnType<typeof fmn>[]) =>
    (await attack(model, boundaryProjection({ starts, steps: 1 }), { inputs, seed })).samples
  const [one, other, both] = [await run(deepFool()), await run(ddn()), await run(deepFool(), ddn())]
  both.forEach(({ distance, fooled }, index) => {
    if (!fooled) return
    const least = Math.min(...[one, other].map((samples) => samples[index].distance?.l2 ?? 9))
    // The starts end a little beside the boundary, each in its way.
    expect(distance!.l2 / least).toBeCloseTo(1, 3)
  })
  await model.close()
})

describe('settings that make no sense are refused', () => {
  test.each<[string, () => unknown, RegExp]>([
    ['another norm', () => boundaryProjection({ norm: 'l1' as never }), /takes the norms l2, linf; norm is "l1"/],
    ['no steps', () => boundaryProjection({ steps: 0 }), /steps must be a whole number/],
    ['no starts', () => boundaryProjection({ starts: [] }), /starts must be a list .* it is empty/],
    ['a start with a radius', () => boundaryProjection({ starts: [pgd({ epsilon: 1 })] }), /pgd has a radius/],
    ['a target of no start', () => boundaryProjection({ starts: [fmn()], target: 1 }), /target of fmn is another/],
    ['a target below 0', () => boundaryProjection({ target: -1 }), /target/],
  ])('%s', (_, make, message) => {
    expect(make).toThrow(SettingsError)
    expect(make).toThrow(message)
  })

  test('settings are recorded with their defaults', () => {
    expect(boundaryProjection().settings).toEqual({
      norm: 'l2',
      starts: 'fmn (norm l2, steps 100, alpha 1, gamma 0.05, targetClasses 2)',
      steps: 20,
    })
    const starts = [fmn({ norm: 'linf', target: 3 }), deepFool({ norm: 'linf', target: 3 })]
    expect(boundaryProjection({ norm: 'linf', starts, target: 3 }).settings).toEqual({
      norm: 'linf',
      starts:
        'fmn (norm linf, steps 100, alpha 10, gamma 0.05), deepFool (norm linf, steps 50, overshoot 0.02, candidates 10)',
      steps: 20,
      target: 3,
    })
  })
})
