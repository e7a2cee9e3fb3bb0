import { describe, expect, test } from 'vitest'
import { distance, exponent } from '../../src/geometry/norm.js'
import { perturbationInBall, perturbationOnSphere } from '../../src/geometry/random-perturbation.js'
import { randomSource } from '../../src/sampling/random.js'
import { seed } from '../seed.js'

const draws = 4000
const dimension = 3
const zero = new Float32Array(dimension)

describe.each(['linf', 'l2', 'l1', 'l1.5', 'l3'] as const)('random perturbations, %s', (norm) => {
  test('on the sphere have the norm asked for and no preferred direction', () => {
    const random = randomSource(seed)
    const mean = new Float64Array(dimension)
    for (let draw = 0; draw < draws; draw++) {
      const perturbation = perturbationOnSphere(norm, 2, dimension, random)
      expect(distance(zero, perturbation, norm)[norm]).toBeCloseTo(2, 10)
      perturbation.forEach((step, index) => {
        mean[index] += step / draws
      })
    }
    expect(Math.max(...mean.map(Math.abs))).toBeLessThan(0.15)
  })

  test('in the ball fill it evenly', () => {
    const random = randomSource(seed)
    // Half the radius holds (1/2)^3 of the volume.
    let inner = 0
    for (let draw = 0; draw < draws; draw++) {
      const size = distance(zero, perturbationInBall(norm, 2, dimension, random), norm)[norm]
      expect(size).toBeLessThanOrEqual(2 + 1e-12)
      if (size < 1) inner++
    }
    expect(inner / draws).toBeGreaterThan(0.105)
    expect(inner / draws).toBeLessThan(0.145)
  })
})

// In the ℓp ball of dimension d the coordinates of a uniform point have this variance, by its Dirichlet representation.
test.each(['l1', 'l2', 'l1.5', 'l3', 'l8'] as const)(
  'coordinates in the ball have the variance they should, %s',
  (norm) => {
    const random = randomSource(seed)
    const p = exponent(norm)
    const expected = (gamma(3 / p) / gamma(1 / p)) * (gamma(1 + dimension / p) / gamma(1 + (dimension + 2) / p))
    let sum = 0
    for (let draw = 0; draw < 4 * draws; draw++) {
      for (const step of perturbationInBall(norm, 1, dimension, random)) sum += step * step
    }
    expect(sum / (4 * draws * dimension) / expected).toBeCloseTo(1, 1)
  },
)

/** Stirling's series, after raising the argument. */
function gamma(x: number): number {
  if (x < 10) return gamma(x + 1) / x
  return Math.sqrt((2 * Math.PI) / x) * (x / Math.E) ** x * Math.exp(1 / (12 * x) - 1 / (360 * x ** 3))
}
