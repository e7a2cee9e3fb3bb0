import * as fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { lipschitz } from '../../src/bounds/lipschitz/lipschitz.js'
import { taylor } from '../../src/bounds/lipschitz/taylor.js'
import { publishedPeck } from '../../src/bounds/published/published-bound.js'
import { engine } from '../../src/engine/engine.js'
import { BoundViolationError } from '../../src/properties/bound-violation-error.js'
import { classOf } from '../../src/properties/evaluate-network.js'
import { networks } from '../../src/properties/networks.js'
import { validLowerBounds } from '../../src/properties/valid-lower-bounds.js'
import { errata, tolerance, weightCount, weightStep } from '../errata.mjs'
import { seed } from '../seed.js'

afterAll(() => engine.close())

// `npm run reproduce validity` has more seeds and more runs.
describe.each(Object.entries(errata))('%s', (_, settings) => {
  test('the published bound is refuted, with a counterexample of a few weights', async () => {
    const property = validLowerBounds(publishedPeck(), { networks: networks(settings), tolerance })
    const { errorInstance } = await fc.check(property, { numRuns: 5000, seed, maxSkipsPerRun: 1000 })
    expect(errorInstance).toBeInstanceOf(BoundViolationError)
    const { network, radius, distance, label, input, adversarial } = (errorInstance as BoundViolationError)
      .counterexample
    expect(distance).toBeLessThanOrEqual((1 - tolerance) * radius)
    // Not a matter of rounding.
    expect(classOf(network, input)).toBe(label)
    expect(classOf(network, adversarial)).not.toBe(label)
    expect(weightCount(network)).toBeLessThanOrEqual(8)
  })

  test('the corrected bounds hold', async () => {
    for (const method of [lipschitz({ norm: 'l2' }), taylor()]) {
      // Taylor bounds are for smooth perceptrons alone.
      if (method.name === 'taylor' && !(settings.layers as readonly string[]).includes('Tanh')) continue
      const property = validLowerBounds(method, { networks: networks(settings) })
      await fc.assert(property, { numRuns: 10, seed, maxSkipsPerRun: 1000 })
    }
  })
})

test('it holds on linear networks, where it is exact', async () => {
  const linear = networks({ inputs: 'vector', layers: [], weightStep })
  await fc.assert(validLowerBounds(publishedPeck(), { networks: linear, tolerance }), { numRuns: 60, seed })
})
