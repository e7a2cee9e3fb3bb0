import { describe, expect, test } from 'vitest'
import { distance } from '../../src/geometry/norm.js'
import { classOf } from '../../src/properties/evaluate-network.js'
import type { Network } from '../../src/properties/network.js'
import { searchBall } from '../../src/properties/search-ball.js'
import { randomSource } from '../../src/sampling/random.js'
import { seed } from '../seed.js'

const domain = { lower: Float32Array.of(-10, -10), upper: Float32Array.of(10, 10) }

/** Class 0 as long as 3·x − 4·y < 10, which is 2 away from the origin in ℓ2, 10/7 in ℓ∞ and 2.5 in ℓ1. */
const linear: Network = {
  inputShape: [2],
  layers: [
    {
      layer: 'dense',
      weights: [
        [0, 0],
        [3, -4],
      ],
      bias: [10, 0],
    },
  ],
}

/** Class 0 as long as Relu(x − 1) < 0.5: the gradient at the origin says nothing. */
const dead: Network = {
  inputShape: [2],
  layers: [
    { layer: 'dense', weights: [[1, 0]], bias: [-1] },
    { layer: 'activation', operator: 'Relu' },
    { layer: 'dense', weights: [[0], [1]], bias: [0.5, 0] },
  ],
}

describe.each([
  ['a linear network', 'linf', linear, 10 / 7],
  ['a linear network', 'l2', linear, 2],
  ['a linear network', 'l1', linear, 2.5],
  ['an inactive unit', 'linf', dead, 1.5],
  ['an inactive unit', 'l2', dead, 1.5],
  ['an inactive unit', 'l1', dead, 1.5],
] as const)('%s, %s', (_, norm, network, exact) => {
  const search = (radius: number) => {
    const ball = { norm, center: new Float32Array(2), radius, label: 0 }
    return searchBall(network, ball, domain, randomSource(seed))
  }

  test('finds an adversarial example just above the exact distance, none just below, all in the ball', () => {
    const [likeliest] = search(1.001 * exact)
    expect(classOf(network, likeliest)).toBe(1)
    for (const point of search(0.999 * exact)) {
      expect(classOf(network, point)).toBe(0)
      expect(distance(new Float32Array(2), point)[norm]).toBeLessThanOrEqual(0.999 * exact)
    }
  })
})

test('stays in the domain', () => {
  const center = Float32Array.of(9.5, -9.5)
  const points = searchBall(linear, { norm: 'l2', center, radius: 3, label: 1 }, domain, randomSource(seed))
  for (const point of points) for (const value of point) expect(Math.abs(value)).toBeLessThanOrEqual(10)
})
