import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  attackReach,
  boundReach,
  type Comparison,
  comparisons,
  deviations,
} from '../../../reporters/html/comparison.js'
import {
  attackCurve,
  attackPoints,
  type CurvePoint,
  certifiedCurve,
  largestRadius,
} from '../../../reporters/html/curves.js'
import type { Evidence } from '../../../src/checks/evidence.js'
import { binomialInterval } from '../../../src/statistics/binomial.js'
import { seed } from '../../seed.js'
import {
  attackEvidence,
  baselineEvidence,
  inconclusiveEvidence,
  lowerBoundEvidence,
  regressionEvidence,
  validityEvidence,
} from '../evidence.js'

function compare(...checks: Evidence[]): Comparison[] {
  return comparisons(checks.map((evidence) => ({ file: 'a.test.ts', test: 'a', evidence })))
}

function withDistances(...distances: number[]): Evidence {
  const evidence = attackEvidence({}, { epsilon: Math.max(...distances.filter((distance) => distance > 0)) })
  const { perSample } = evidence.finding!
  const fooled = Uint8Array.from(distances, (distance) => Number(distance > 0))
  return {
    ...evidence,
    finding: { ...evidence.finding!, perSample: { ...perSample, fooled, distances: Float64Array.from(distances) } },
  }
}

test('only checks with the same samples, norm and notion of being fooled are compared', () => {
  const groups = compare(
    attackEvidence(),
    lowerBoundEvidence(),
    attackEvidence({}, { norm: 'l2' }),
    attackEvidence({ samples: { count: 9, sha256: 'other', labels: 'given' } }),
    regressionEvidence(),
    regressionEvidence({ limit: { quantity: 'mse', value: 0.1 } }),
    inconclusiveEvidence(),
  )
  expect(groups.map(({ norm, samples, limit, records }) => [norm, samples, limit, records.length])).toEqual([
    ['linf', 4, undefined, 2],
    ['l2', 4, undefined, 1],
    ['linf', 9, undefined, 1],
    ['l2', 4, 'a PSNR below 20 dB', 1],
    ['l2', 4, 'an MSE above 0.1', 1],
  ])
})

test('of several checks with one method the closest example and the largest radius count', () => {
  const none = Number.NaN
  const [comparison] = compare(
    withDistances(0.1, none, none, none),
    withDistances(0.2, 0.15, none, none),
    lowerBoundEvidence(),
    validityEvidence(),
  )
  expect(attackReach(comparison)).toEqual([
    { method: 'pgd', eligible: 3, radii: 2, furthest: 0.2, bySample: [0.1, 0.15, none, none], values: [0.1, 0.15] },
  ])
  // At 0.05 samples 1 and 2 are certified; the radii are 0.02, 0.06 and 0.2.
  expect(boundReach(comparison)).toEqual([
    {
      method: 'crown',
      eligible: 3,
      radii: Infinity,
      furthest: Infinity,
      bySample: [0.02, 0.06, 0.2, none],
      values: [0.02, 0.06, 0.2],
    },
  ])
  const [pgd, own] = deviations(comparison)
  expect(pgd.pair).toBe('crown ↔ pgd')
  expect(known(pgd)).toEqual([expect.closeTo(0.08), expect.closeTo(0.09)])
  expect(own.pair).toBe('crown ↔ its own attacks')
  expect(known(own)).toEqual([expect.closeTo(0.005), expect.closeTo(0.03), expect.closeTo(0.1)])
})

test('a sample that a bound certifies nothing for deviates by the whole distance', () => {
  const [comparison] = compare(withDistances(0.1, Number.NaN, 0.3, 0.4), lowerBoundEvidence())
  expect(boundReach(comparison)[0].values).toEqual([0.05, 0.05])
  expect(known(deviations(comparison)[0])).toEqual([0.1, expect.closeTo(0.25)])
})

test('an attack with other eligible samples is another method, and an estimate says so', () => {
  const { finding } = attackEvidence()
  const eligible = Uint8Array.of(1, 1, 0, 0)
  const targeted = attackEvidence({
    finding: { ...finding!, eligible: 2, perSample: { ...finding!.perSample, eligible } },
  })
  const { bound } = lowerBoundEvidence()
  const [comparison] = compare(attackEvidence(), targeted, lowerBoundEvidence({ bound: { ...bound, sound: false } }))
  expect(attackReach(comparison).map(({ method, eligible }) => [method, eligible])).toEqual([
    ['pgd', 3],
    ['pgd (2 eligible)', 2],
  ])
  expect(boundReach(comparison)[0].method).toBe('crown (estimate)')
})

test('the curves say at each radius what was counted', () => {
  const interval = (count: number) => binomialInterval(count, 4)
  const point = (epsilon: number, count: number): CurvePoint => {
    const { value, low, high } = interval(count)
    return { method: 'm', epsilon, robust: value, low, high }
  }
  const reach = { method: 'm', eligible: 4, values: [0.1, 0.3, 0.3], furthest: Infinity }
  expect(attackCurve(reach, 0.4)).toEqual([point(0, 4), point(0.1, 3), point(0.3, 2), point(0.3, 1), point(0.4, 1)])
  expect(attackCurve(reach, 0.2)).toEqual([point(0, 4), point(0.1, 3), point(0.2, 3)])
  // Nothing was tried beyond; distances may be beyond the radius by rounding.
  expect(attackCurve({ ...reach, furthest: 0.35 }, 0.4).at(-1)).toEqual(point(0.35, 1))
  expect(attackCurve({ ...reach, furthest: 0.2999 }, 0.4).at(-1)).toEqual(point(0.3, 1))
  expect(certifiedCurve(reach, 0.4)).toEqual([
    point(0, 3),
    point(0.1, 3),
    point(0.3, 2),
    point(0.3, 1),
    point(0.3, 0),
    point(0.4, 0),
  ])
})

test('infinite radii reach to the end of the axis', () => {
  const reach = { method: 'm', eligible: 4, values: [0.1, Number.POSITIVE_INFINITY] }
  const [comparison] = compare(attackEvidence({}, { epsilon: 0.05 }))
  expect(largestRadius(comparison, [], [reach])).toBe(0.1)
  const curve = certifiedCurve(reach, 0.3)
  expect(curve.map(({ epsilon, robust }) => [epsilon, robust])).toEqual([
    [0, 0.5],
    [0.1, 0.5],
    [0.3, 0.25],
    [0.3, 0],
    [0.3, 0],
  ])
})

test('thinned out, the attack curve stays above and the certified curve below what was counted', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.001, max: 1, noNaN: true }), { minLength: 61, maxLength: 300 }),
      (values) => {
        const sorted = values.toSorted((one, other) => one - other)
        const reach = { method: 'm', eligible: values.length + 5, values: sorted, furthest: Infinity }
        const attack = attackCurve(reach, 1)
        const certified = certifiedCurve(reach, 1)
        expect(Math.max(attack.length, certified.length)).toBeLessThan(70)
        for (const epsilon of [...values, 0.0005, 0.5]) {
          const fooled = values.filter((value) => value <= epsilon).length
          const left = attack.findLast((point) => point.epsilon <= epsilon)!
          expect(left.robust).toBeGreaterThanOrEqual(1 - fooled / reach.eligible - 1e-12)
          const right = certified.find((point) => point.epsilon >= epsilon)!
          const counted = values.filter((value) => value >= epsilon).length / reach.eligible
          expect(right.robust).toBeLessThanOrEqual(counted + 1e-12)
        }
      },
    ),
    { seed, numRuns: 30 },
  )
})

test('the radius of a check has its own ratio and interval', () => {
  const [comparison] = compare(
    attackEvidence(),
    attackEvidence({}, { epsilon: Float64Array.of(0.1, 0.2, 0.3, 0.4) }),
    lowerBoundEvidence(),
  )
  const { low, high } = binomialInterval(2, 3)
  const [point, ...others] = attackPoints(comparison.records)
  expect(point).toEqual({ method: 'pgd', epsilon: 0.1, robust: 1 - 2 / 3, low: 1 - high, high: 1 - low })
  expect(others).toEqual([])
})

test('everything that was asked for is within the axis, the tail of the distances is not', () => {
  const [comparison] = compare(attackEvidence({}, { epsilon: 0.1 }), lowerBoundEvidence({ radius: 0.3 }))
  expect(largestRadius(comparison, [], [])).toBe(0.3)
  const values = Array.from({ length: 100 }, (_, index) => (index + 1) / 100)
  expect(largestRadius(comparison, [{ values }], [])).toBe(0.95)
})

test('what was compared with a baseline is drawn as well', () => {
  const { finding, method } = baselineEvidence()
  const withstanding = (kind: typeof method.kind, withstood: number[], epsilon?: number | Float64Array) => {
    const perSample = { ...finding!.perSample, withstood: Float64Array.from(withstood) }
    return compare(baselineEvidence({ method: { ...method, kind, epsilon }, finding: { ...finding!, perSample } }))[0]
  }
  const infinity = Number.POSITIVE_INFINITY
  expect(attackReach(withstanding('minimal-distance', [0.03, infinity, 0.02, 0]))[0].values).toEqual([0.02, 0.03])
  expect(attackReach(withstanding('fixed-epsilon', [0, 1, 0, 0], 0.1))[0].values).toEqual([0.1, 0.1])
  const radii = Float64Array.of(0.1, 0.2, 0.3, 0.4)
  expect(attackReach(withstanding('fixed-epsilon', [0, 1, 0, 0], radii))[0].values).toEqual([0.1, 0.3])
  const bound = withstanding('bound', [0.02, 0, 0.2, 0])
  expect(attackReach(bound)).toEqual([])
  expect(boundReach(bound)[0].values).toEqual([0.02, 0.2])
})

function known({ deviations }: { readonly deviations: Float64Array }): number[] {
  return [...deviations].filter(Number.isFinite)
}
