import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { distance } from '../../src/geometry/norm.js'
import { perturb, perturbations } from '../../src/sampling/perturbation.js'
import { seed } from '../seed.js'

const features = 5
const domain = { lower: new Float32Array(features), upper: new Float32Array(features).fill(1) }
const center = fc.float32Array({ min: 0, max: 1, noNaN: true, minLength: features, maxLength: features })

test.each(['linf', 'l2', 'l1'] as const)('a perturbation stays in the %s ball and in the domain', (norm) => {
  fc.assert(
    fc.property(
      perturbations(fc, 3, features),
      center,
      fc.double({ min: 1e-6, max: 2, noNaN: true }),
      (perturbation, center, radius) => {
        const point = perturb(perturbation, { norm, center, radius }, domain)
        expect(distance(center, point)[norm]).toBeLessThanOrEqual(radius)
        point.forEach((value) => {
          expect(value).toBeGreaterThanOrEqual(0)
          expect(value).toBeLessThanOrEqual(1)
        })
        expect(perturbation.sample).toBeLessThan(3)
      },
    ),
    { seed },
  )
})

test.each(['linf', 'l2', 'l1'] as const)('within the domain, the fraction is the distance in %s', (norm) => {
  const center = new Float32Array(features).fill(0.5)
  fc.assert(
    fc.property(perturbations(fc, 1, features), (perturbation) => {
      fc.pre(distance(new Float32Array(features), perturbation.direction).linf > 1e-3)
      const point = perturb(perturbation, { norm, center, radius: 0.4 }, domain)
      expect(distance(center, point)[norm]).toBeCloseTo(0.4 * perturbation.fraction, 6)
    }),
    { seed },
  )
})

test('no direction is no perturbation', () => {
  const center = Float32Array.of(0, 0.5, 1, 0.5, 0)
  const still = { sample: 0, fraction: 1, direction: new Int8Array(features) }
  expect(perturb(still, { norm: 'l2', center, radius: 1 }, domain)).toEqual(center)
})
