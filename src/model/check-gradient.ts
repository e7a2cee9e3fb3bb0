import { elementCount } from '../graph/graph.js'
import { randomSource } from '../sampling/random.js'
import { range, rowOf } from '../sampling/rows.js'
import { median } from '../statistics/median.js'
import type { Model } from './model.js'
import { probes } from './probes.js'
import { outputShape, vjp } from './vjp.js'

const points = 7
// Fractions of the domain's width. Small ones cross fewer kinks; large ones see more than rounding.
const steps = [1e-3, 1e-4, 1e-2]
const float32Roundoff = 2 ** -24

/** Errors of correct gradients are far below, those of wrong ones above. */
export const gradientTolerance = 0.05

/**
 * Compares the gradient of a model with central differences of what it predicts: at random points, for random sums of the
 * outputs, along random diagonals of the domain.
 * @returns the median over the points of |difference|, less what rounding explains, in units of the change that a random
 * diagonal sees. It is about 1 for a gradient that has nothing to do with the model, and the square root of the missing
 * share of its energy for one that misses parts. Infinite for one that is not finite, or zero where the outputs change.
 */
export async function gradientError(model: Model): Promise<number> {
  const { featureShape, domain, graph } = model
  const outputs = elementCount(outputShape(graph))
  const size = domain.lower.length
  const widths = domain.upper.map((high, feature) => high - domain.lower[feature])
  const random = randomSource(987_654_321)
  const inputs = probes(domain, featureShape, points)
  const cotangents = Float32Array.from({ length: points * outputs }, random.normal)
  const signs = Float32Array.from(inputs.data, () => (random.uniform() < 0.5 ? -1 : 1))
  const gradients = await vjp(model, inputs, cotangents)
  if (!gradients.every(Number.isFinite)) return Number.POSITIVE_INFINITY

  const errors = range(points).map(() => Number.POSITIVE_INFINITY)
  for (const step of steps) {
    const moved = (direction: number) => ({
      ...inputs,
      data: inputs.data.map((value, index) => value + direction * step * signs[index] * widths[index % size]),
    })
    const ends = [moved(1), moved(-1)] as const
    const predictions = [await model.predict(ends[0]), await model.predict(ends[1])]
    for (const point of errors.keys()) {
      const [from, to] = ends.map(({ data }) => rowOf(data, size, point))
      const [above, below] = predictions.map((rows) => rowOf(rows, outputs, point))
      let [expected, energy, found, rounding] = [0, 0, 0, 0]
      rowOf(gradients, size, point).forEach((entry, feature) => {
        const change = entry * (from[feature] - to[feature])
        expected += change
        energy += change ** 2
      })
      rowOf(cotangents, outputs, point).forEach((seed, index) => {
        found += seed * (above[index] - below[index])
        rounding += 8 * float32Roundoff * Math.abs(seed) * (Math.abs(above[index]) + Math.abs(below[index]))
      })
      const excess = Math.max(0, Math.abs(found - expected) - rounding)
      errors[point] = Math.min(errors[point], excess === 0 ? 0 : excess / Math.sqrt(energy))
    }
    if (median(errors) <= gradientTolerance) break
  }
  return median(errors)
}

/** What an error above the tolerance says about a gradient. */
export function printGradientError(error: number): string {
  if (error === Number.POSITIVE_INFINITY) return 'is not finite, or zero where the outputs change'
  return `disagrees with finite differences of the outputs, by ${error.toPrecision(2)} of its size in a typical direction`
}
