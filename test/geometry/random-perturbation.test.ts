import { describe, expect, test } from 'vitest'
import { distance } from '../../src/geometry/norm.js'
import { perturbationInBall, perturbationOnSphere } from '../../src/geometry/random-perturbation.js'
import { randomSource } from '../../src/sampling/random.js'
import { seed } from '../seed.js'

const draws = 4000
const dimension = 3
const zero = new Float32Array(dimension)

describe.each(['linf', 'l2', 'l1'] as const)('random perturbations, %s', (norm) => {
  test('on the sphere have the norm asked for and no preferred direction', () => {
    const random = randomSource(seed)
    const mean = new Float64Array(dimension)
    for (let draw = 0; draw < draws; draw++) {
      const perturbation = perturbationOnSphere(norm, 2, dimension, random)
      expect(distance(zero, perturbation)[norm]).toBeCloseTo(2, 10)
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
      const size = distance(zero, perturbationInBall(norm, 2, dimension, random))[norm]
      expect(size).toBeLessThanOrEqual(2 + 1e-12)
      if (size < 1) inner++
    }
    expect(inner / draws).toBeGreaterThan(0.105)
    expect(inner / draws).toBeLessThan(0.145)
  })
})
