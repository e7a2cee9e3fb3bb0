import { afterAll, describe, expect, test } from 'vitest'
import { crown, crownIbp, intervalPropagation } from '../../src/bounds/crown.js'
import { marginBounds } from '../../src/bounds/run-bound.js'
import { engine } from '../../src/engine/engine.js'
import type { Norm } from '../../src/geometry/norm.js'
import { randomSource } from '../../src/sampling/random.js'
import { seed } from '../seed.js'
import { architectures, randomModel } from './networks.js'
import { randomInputs, sampledMargins } from './sampling.js'

afterAll(() => engine.close())

const count = 6
const epsilons: Record<Norm, readonly number[]> = {
  linf: [0, 0.01, 0.05, 0.1, 0.3, 1],
  l2: [0, 0.05, 0.2, 0.5, 1, 2],
  l1: [0, 0.1, 0.3, 1, 2, 5],
}

describe.each(Object.keys(architectures))('%s', (name) => {
  test.each(['linf', 'l2', 'l1'] as const)('%s margins hold at every point sampled from the ball', async (norm) => {
    const random = randomSource(seed)
    const model = await randomModel(architectures[name], random)
    const inputs = randomInputs(model, count, random)
    const labels = Array.from({ length: count }, (_, sample) => sample % model.classes)
    const epsilon = epsilons[norm]
    for (const domain of ['intersect', 'ignore'] as const) {
      const sampled = await sampledMargins(model, inputs, labels, epsilon, { norm, domain, points: 300 }, random)
      const tight = await marginBounds(model, crown({ norm, domain }), { inputs, labels, epsilon })
      const loose = await marginBounds(model, intervalPropagation({ norm, domain }), { inputs, labels, epsilon })
      const between = await marginBounds(model, crownIbp({ norm, domain }), { inputs, labels, epsilon })
      for (const bounds of [tight, between, loose]) {
        expect(bounds.every((bound, index) => bound <= sampled[index])).toBe(true)
        expect(bounds.every(Number.isFinite)).toBe(true)
      }
      // At radius 0 nothing is lost but rounding.
      const { classes } = model
      for (let other = 0; other < classes; other++) expect(tight[other]).toBeCloseTo(sampled[other], 3)
      // Of large balls neither bound knows anything.
      const small = (margins: Float64Array) => sum(margins.subarray(0, 3 * classes))
      expect(small(tight)).toBeGreaterThan(small(loose))
      expect(small(between)).toBeGreaterThan(small(loose))
    }
    await model.close()
  })

  test('float32 and float64 agree, and covering rounding lowers margins, by little', async () => {
    const random = randomSource(seed + 1)
    const model = await randomModel(architectures[name], random)
    // Where a ball covers the domain, symmetry makes ties, which rounding breaks this way or that.
    const inputs = randomInputs(model, 4, random)
    const labels = Array.from({ length: 4 }, (_, sample) => sample % model.classes)
    for (const norm of ['linf', 'l2', 'l1'] as const) {
      const margins = (settings: object) =>
        marginBounds(model, crown({ norm, ...settings }), { inputs, labels, epsilon: epsilons[norm].slice(0, 4) })
      const single = await margins({ rounding: 'ignored' })
      const double = await margins({ rounding: 'ignored', precision: 'float64' })
      const covered = await margins({})
      double.forEach((margin, index) => {
        const scale = Math.max(1, Math.abs(margin))
        expect(Math.abs(single[index] - margin)).toBeLessThan(1e-4 * scale)
        if (labels[Math.floor(index / model.classes)] === index % model.classes) return
        expect(covered[index]).toBeLessThan(margin)
        expect(covered[index]).toBeGreaterThan(margin - 0.005 * scale)
      })
    }
    await model.close()
  })

  test('interval margins fall as the ball grows', async () => {
    const random = randomSource(seed + 2)
    const model = await randomModel(architectures[name], random)
    const { data, shape } = randomInputs(model, 1, random)
    const repeated = Float32Array.from({ length: count * data.length }, (_, index) => data[index % data.length])
    const inputs = { data: repeated, shape: [count, ...shape.slice(1)] }
    for (const norm of ['linf', 'l2', 'l1'] as const) {
      const labels = new Int32Array(count)
      const margins = await marginBounds(model, intervalPropagation({ norm }), {
        inputs,
        labels,
        epsilon: epsilons[norm],
      })
      for (let index = model.classes; index < margins.length; index++) {
        expect(margins[index]).toBeLessThanOrEqual(margins[index - model.classes])
      }
    }
    await model.close()
  })
})

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0)
}
