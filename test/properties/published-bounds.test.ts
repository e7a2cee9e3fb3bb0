import * as fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { lipschitz } from '../../src/bounds/lipschitz/lipschitz.js'
import { publishedPeck } from '../../src/bounds/published/published-bound.js'
import { engine } from '../../src/engine/engine.js'
import { BoundViolationError } from '../../src/properties/bound-violation-error.js'
import { type NetworkSettings, networks } from '../../src/properties/networks.js'
import { validLowerBounds } from '../../src/properties/valid-lower-bounds.js'
import { seed } from '../seed.js'

afterAll(() => engine.close())

// The published formula holds in exact arithmetic only: what rounding alone refutes must not count, so weights are
// multiples of 1/8, and a radius has to be wrong by 2 %.
const weightStep = 1 / 8
const tolerance = 0.02

const kinds = {
  'batch normalization': { layers: ['batch normalization'], depth: 1, weightStep },
  'local response normalization': { inputs: 'image', layers: ['local response normalization'], depth: 1, weightStep },
} as const satisfies Record<string, NetworkSettings>

test.each(Object.entries(kinds))('the published bound is refuted on networks with %s', async (layer, settings) => {
  const property = validLowerBounds(publishedPeck(), { networks: networks(settings), tolerance })
  const limits = { interruptAfterTimeLimit: 60_000, maxSkipsPerRun: 1000 }
  const { errorInstance } = await fc.check(property, { numRuns: 5000, seed, ...limits })
  const { network, radius, distance } = (errorInstance as BoundViolationError).counterexample
  expect(errorInstance).toBeInstanceOf(BoundViolationError)
  expect(network.layers.map((part) => part.layer)).toContain(layer)
  expect(distance).toBeLessThanOrEqual((1 - tolerance) * radius)
})

test('it holds on linear networks, where it is exact', async () => {
  const linear = networks({ inputs: 'vector', layers: [], weightStep })
  await fc.assert(validLowerBounds(publishedPeck(), { networks: linear, tolerance }), { numRuns: 60, seed })
})

test.each(Object.entries(kinds))('the corrected bound holds on networks with %s', async (_, settings) => {
  const property = validLowerBounds(lipschitz({ norm: 'l2' }), { networks: networks(settings) })
  await fc.assert(property, { numRuns: 15, seed, maxSkipsPerRun: 1000 })
})
