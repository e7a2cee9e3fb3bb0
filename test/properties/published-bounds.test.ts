import * as fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { lipschitz } from '../../src/bounds/lipschitz/lipschitz.js'
import { publishedPeck } from '../../src/bounds/published/published-bound.js'
import { engine } from '../../src/engine/engine.js'
import type { NetworkSettings } from '../../src/properties/networks.js'
import { networks } from '../../src/properties/networks.js'
import { validLowerBounds } from '../../src/properties/valid-lower-bounds.js'
import { seed } from '../seed.js'

afterAll(() => engine.close())

// Each kind of network on which a formula of the thesis is wrong: docs/bounds.md says why.
const kinds: Record<string, NetworkSettings> = {
  'hidden layers of ReLU': { inputs: 'vector', layers: ['Relu'], depth: 2 },
  'hidden layers of tanh': { inputs: 'vector', layers: ['Tanh'], depth: 2 },
  'convolutions with overlapping windows': { inputs: 'image', layers: ['convolution'], depth: 1 },
  'batch normalisation': { layers: ['batch normalization'], depth: 1 },
  'local response normalisation': { inputs: 'image', layers: ['local response normalization'], depth: 1 },
}

test.each(Object.entries(kinds))('the published bound is refuted within a minute on %s', async (_, settings) => {
  // Formulas in exact arithmetic may be off by rounding; that alone refutes nothing here.
  const property = validLowerBounds(publishedPeck(), { networks: networks(settings), tolerance: 1e-3 })
  const limits = { interruptAfterTimeLimit: 60_000, maxSkipsPerRun: 1000 }
  const result = await fc.check(property, { numRuns: 5000, seed, ...limits })
  expect(result.failed).toBe(true)
  expect(String(result.errorInstance)).toMatch(/BoundViolationError: publishedPeck .*certifies the radius/)
})

test.each(Object.entries(kinds))('the corrected bound holds on %s', async (_, settings) => {
  const property = validLowerBounds(lipschitz({ norm: 'l2' }), { networks: networks(settings) })
  await fc.assert(property, { numRuns: 15, seed, maxSkipsPerRun: 1000 })
})
