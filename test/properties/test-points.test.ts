import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { createDomain } from '../../src/geometry/domain.js'
import { layerValues, logitsOf } from '../../src/properties/evaluate-network.js'
import type { Network } from '../../src/properties/network.js'
import { networks } from '../../src/properties/networks.js'
import { placePoint, type TestPoint, testPoints, withMargin } from '../../src/properties/test-points.js'
import { seed } from '../seed.js'

const network = (operator: 'Relu' | 'Tanh' | 'Sigmoid'): Network => ({
  inputShape: [2],
  layers: [
    {
      layer: 'dense',
      weights: [
        [1, 2],
        [-3, 1],
      ],
      bias: [0.5, -1],
    },
    { layer: 'activation', operator },
    {
      layer: 'dense',
      weights: [
        [1, 0],
        [0, 1],
      ],
      bias: [0, 0],
    },
  ],
})
const domain = createDomain([-10, 10], [2])
const kink: TestPoint = { place: 'kink', coordinates: [0.4, 0.7], unit: 1, side: -1, offset: 0.01 }

test.each([
  ['Relu', 0],
  ['Tanh', -0.6585],
  ['Sigmoid', -1.317],
] as const)('a kink of %s: the unit is a hair below where it bends the most', (operator, bend) => {
  const input = placePoint(kink, network(operator), domain)
  expect(layerValues(network(operator), input)[0].data[1]).toBeCloseTo(bend - 0.01, 3)
})

test('a kink of the second hidden layer is found through the first one', () => {
  const [first, activation, last] = network('Tanh').layers
  const deep: Network = { inputShape: [2], layers: [first, activation, first, activation, last] }
  const input = placePoint({ ...kink, coordinates: [0.5], unit: 3 }, deep, domain)
  expect(layerValues(deep, input)[2].data[1]).toBeCloseTo(-0.6685, 2)
})

test('a corner, and a boundary between two classes', () => {
  const corner = placePoint({ ...kink, place: 'corner', coordinates: [0.4, 0.7] }, network('Relu'), domain)
  expect([...corner]).toEqual([-10, 10])
  const boundary = placePoint({ ...kink, place: 'boundary', offset: 0, coordinates: [0, 0.3] }, network('Relu'), domain)
  const [one, other] = Array.from(logitsOf(network('Relu'), boundary))
  expect(Math.abs(one - other)).toBeLessThan(0.01)
})

test('all points lie in the domain', () => {
  fc.assert(
    fc.property(networks(), testPoints(), (drawn, point) => {
      const input = placePoint(point, drawn, createDomain([-10, 10], drawn.inputShape))
      expect(input.every((value) => Math.abs(value) <= 10)).toBe(true)
    }),
    { numRuns: 200, seed },
  )
})

test('the last bias sets the margin; the class stays', () => {
  const input = Float32Array.of(1, -2)
  const before = Array.from(logitsOf(network('Tanh'), input))
  const after = Array.from(logitsOf(withMargin(network('Tanh'), input, 0.25), input))
  expect(before[0]).toBeGreaterThan(before[1])
  expect(after[1]).toBe(before[1])
  expect(after[0] - after[1]).toBeCloseTo(0.25, 6)
})
