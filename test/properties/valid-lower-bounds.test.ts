import * as fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { linearRegion } from '../../src/attacks/linear-region/linear-region.js'
import type { Bound } from '../../src/bounds/bound.js'
import { crown, intervalPropagation } from '../../src/bounds/crown.js'
import { engine } from '../../src/engine/engine.js'
import { networks } from '../../src/properties/networks.js'
import { validLowerBounds } from '../../src/properties/valid-lower-bounds.js'
import { seed } from '../seed.js'

afterAll(() => engine.close())

const norms = ['linf', 'l2', 'l1'] as const

describe.each(norms)('%s', (norm) => {
  test.each([crown, intervalPropagation])('%o holds on random networks', async (method) => {
    await fc.assert(validLowerBounds(method({ norm })), { numRuns: 15, seed })
  })
})

/** Certifies more than it may. */
function inflated(factor: number): Bound {
  const honest = crown({ norm: 'l2', domain: 'ignore' })
  return {
    ...honest,
    margins: (context, epsilon) =>
      honest.margins(
        context,
        epsilon.map((radius) => radius / factor),
      ),
  }
}

test('a bound that certifies twice too much is refuted, with a counterexample of a few weights', async () => {
  const property = validLowerBounds(inflated(2), { networks: networks({ inputs: 'vector' }) })
  const result = await fc.check(property, { numRuns: 200, seed })
  expect(result.failed).toBe(true)
  const [network] = result.counterexample!
  const weights = network.layers.flatMap((layer) => (layer.layer === 'dense' ? layer.weights.flat() : []))
  expect(weights.length).toBeLessThanOrEqual(4)
  expect(String(result.errorInstance)).toMatch(/BoundViolationError: crown certifies the radius/)
})

test('a network gets up to as many inputs as are asked for, and attacks but those that refuse it', async () => {
  const counts: number[] = []
  const property = validLowerBounds(intervalPropagation({ norm: 'linf' }), {
    networks: networks({ inputs: 'vector', layers: ['Sigmoid'] }),
    samplesPerNetwork: 24,
    attacks({ radii }) {
      counts.push(radii.length)
      return [linearRegion({ norm: 'linf' })]
    },
  })
  await fc.assert(property, { numRuns: 10, seed })
  expect(Math.max(...counts)).toBeGreaterThan(12)
  expect(Math.max(...counts)).toBeLessThanOrEqual(24)
})
