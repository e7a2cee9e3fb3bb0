import { describe, expect, test } from 'vitest'
import { type RandomSource, randomSource } from '../../src/sampling/random.js'
import { range } from '../../src/sampling/rows.js'
import { closestInPolyhedron } from '../../src/solvers/closest-in-polyhedron.js'
import type { Polyhedron } from '../../src/solvers/dual-function.js'
import { minimumOf } from '../exact/mixed-integer.mjs'
import { seed } from '../seed.js'

const norms = ['linf', 'l2', 'l1'] as const

function polyhedron(rows: number[][], offsets: number[], lower: number[], upper: number[]): Polyhedron {
  return {
    rows: rows.map((row) => Float64Array.from(row)),
    offsets: Float64Array.from(offsets),
    lower: Float64Array.from(lower),
    upper: Float64Array.from(upper),
  }
}

function length(norm: 'linf' | 'l2' | 'l1', d: Float64Array): number {
  if (norm === 'l2') return Math.hypot(...d)
  const sizes = Array.from(d, Math.abs)
  return norm === 'linf' ? Math.max(...sizes) : sizes.reduce((sum, size) => sum + size, 0)
}

const missed = ({ rows, offsets }: Polyhedron, d: Float64Array) =>
  Math.max(...rows.map((row, index) => offsets[index] - row.reduce((sum, weight, i) => sum + weight * d[i], 0)))

const unit = (vector: number[]) => Float64Array.from(vector, (entry) => entry / Math.hypot(...vector))

/** Some rows twice, some nearly parallel, some the opposite of others, features without room or off 0, zero offsets. */
function randomPolyhedron(random: RandomSource): Polyhedron {
  const n = 1 + Math.floor(10 * random.uniform())
  const rows: Float64Array[] = []
  const offsets: number[] = []
  for (let row = 0; row < 1 + 9 * random.uniform(); row++) {
    const kind = rows.length === 0 ? 1 : random.uniform()
    const of = Math.floor(rows.length * random.uniform())
    const own = range(n).map(() => random.normal())
    if (kind < 0.15) {
      rows.push(rows[of].slice())
      offsets.push(offsets[of])
    } else if (kind < 0.3) {
      rows.push(unit(own.map((entry, feature) => rows[of][feature] + 1e-4 * entry)))
      offsets.push(offsets[of] + 1e-3 * random.normal())
    } else if (kind < 0.45) {
      // A slab, or just none.
      rows.push(rows[of].map((entry) => -entry))
      offsets.push(-offsets[of] + 10 ** (-1 - 3 * random.uniform()) * (random.uniform() < 0.5 ? 1 : -1))
    } else {
      rows.push(unit(own))
      offsets.push(random.uniform() < 0.2 ? 0 : 0.4 * random.normal())
    }
  }
  const middle = range(n).map(() => (random.uniform() < 0.2 ? random.normal() : 0))
  const room = () => (random.uniform() < 0.1 ? 0 : 1.5 * random.uniform())
  return {
    rows,
    offsets: Float64Array.from(offsets),
    lower: Float64Array.from(middle, (value) => value - room()),
    upper: Float64Array.from(middle, (value) => value + room()),
  }
}

/** The smallest norm by HiGHS, undefined where there is none. */
function smallestByHighs(norm: 'linf' | 'l1', of: Polyhedron): Promise<number | undefined> {
  const { rows, offsets, lower, upper } = of
  const features = range(lower.length)
  return minimumOf(
    [
      'Minimize',
      norm === 'l1' ? ` size: ${features.map((each) => `+ s${each}`).join(' ')}` : ' size: t',
      'Subject To',
      ...rows.map(
        (row, index) =>
          ` r${index}: ${features.map((each) => `+ ${row[each]} d${each}`).join(' ')} >= ${offsets[index]}`,
      ),
      ...features.flatMap((each) => {
        const size = norm === 'l1' ? `s${each}` : 't'
        return [` u${each}: ${size} - d${each} >= 0`, ` l${each}: ${size} + d${each} >= 0`]
      }),
      'Bounds',
      ...features.map((each) => ` ${lower[each]} <= d${each} <= ${upper[each]}`),
      'End',
    ]
      .join('\n')
      .replaceAll('+ -', '- '),
  )
}

/** What the multipliers prove that ‖d‖₂²/2 is at least. */
function dualValue({ rows, offsets, lower, upper }: Polyhedron, multipliers: Float64Array): number {
  const constant = multipliers.reduce((sum, multiplier, row) => sum + multiplier * offsets[row], 0)
  return lower.reduce((sum, low, feature) => {
    const pull = multipliers.reduce((sum, multiplier, row) => sum + multiplier * rows[row][feature], 0)
    const d = Math.min(Math.max(pull, low), upper[feature])
    return sum + d * (0.5 * d - pull)
  }, constant)
}

// Of the limit: by how much rows may be missed.
const tolerance = 1.01e-7

function expectWithin(of: Polyhedron, d: Float64Array, limit: number): void {
  expect(missed(of, d)).toBeLessThan(tolerance * limit)
  d.forEach((entry, feature) => {
    expect(entry).toBeGreaterThanOrEqual(of.lower[feature])
    expect(entry).toBeLessThanOrEqual(of.upper[feature])
  })
}

describe('closestInPolyhedron', () => {
  // The half-plane 0.6 x + 0.8 y ≥ 1.
  test.each([
    ['l2', [0.6, 0.8]],
    ['linf', [1 / 1.4, 1 / 1.4]],
    ['l1', [0, 1.25]],
  ] as const)('%s: the point of a half-plane', (norm, expected) => {
    const { status, d } = closestInPolyhedron(norm, polyhedron([[0.6, 0.8]], [1], [-3, -3], [3, 3]), 5)
    expect(status).toBe('solved')
    expected.forEach((coordinate, feature) => expect(d[feature]).toBeCloseTo(coordinate, 5))
  })

  test('l2: in a box that cuts the nearest point off', () => {
    const { d } = closestInPolyhedron('l2', polyhedron([[0.6, 0.8]], [1], [-3, -3], [3, 0.5]), 5)
    expect(d[1]).toBe(0.5)
    expect(d[0]).toBeCloseTo(1, 8)
  })

  test('l2: at the edge of two half-planes, with both multipliers above zero', () => {
    const { d, multipliers } = closestInPolyhedron(
      'l2',
      polyhedron(
        [
          [1, 0],
          [0, 1],
        ],
        [1, 2],
        [-9, -9],
        [9, 9],
      ),
      5,
    )
    expect(Array.from(d)).toEqual([expect.closeTo(1, 8), expect.closeTo(2, 8)])
    expect(Array.from(multipliers)).toEqual([expect.closeTo(1, 8), expect.closeTo(2, 8)])
  })

  test.each(norms)('%s: nothing is solved beyond the limit, just within it is', (norm) => {
    const of = polyhedron([[1, 0]], [1], [-3, -3], [3, 3])
    expect(closestInPolyhedron(norm, of, 0.99).status).toBe('beyond')
    expect(closestInPolyhedron(norm, of, 1.01).status).toBe('solved')
  })

  test.each(norms)('%s: an empty polyhedron is never solved', (norm) => {
    const of = polyhedron(
      [
        [1, 0],
        [-1, 0],
      ],
      [1, -0.5],
      [-3, -3],
      [3, 3],
    )
    expect(closestInPolyhedron(norm, of, 5).status).not.toBe('solved')
  })

  test.each(['l2', 'linf'] as const)('%s: 20 nearly parallel half-spaces of 100 features are all kept to', (norm) => {
    const random = randomSource(seed)
    const numbers = () => range(100).map(() => random.normal())
    const common = numbers()
    const rows = range(20).map(() => {
      const own = numbers()
      return unit(common.map((weight, feature) => weight + 0.01 * own[feature]))
    })
    const room = { lower: new Float64Array(100).fill(-1), upper: new Float64Array(100).fill(1) }
    const within = (some: Float64Array[]) => ({ rows: some, offsets: new Float64Array(some.length).fill(1), ...room })
    const lengthWithin = (some: Float64Array[]) => {
      const { status, d } = closestInPolyhedron(norm, within(some), 2)
      expect(status).toBe('solved')
      expectWithin(within(some), d, 2)
      return length(norm, d)
    }
    // Keeping to all takes at least as much as keeping to any, and here hardly more.
    const ratio = lengthWithin(rows) / Math.max(...rows.map((row) => lengthWithin([row])))
    expect(ratio).toBeGreaterThan(1 - 1e-6)
    expect(ratio).toBeLessThan(1.05)
  })

  test('l1: no point of a random search is shorter', () => {
    const random = randomSource(seed)
    for (const _ of range(10)) {
      const rows = range(3).map(() => {
        const own = range(3).map(() => random.normal())
        return own.map((value) => value / Math.hypot(...own))
      })
      const of = polyhedron(rows, [0.3, 0.2, 0.1], [-1, -1, -1], [1, 1, 1])
      const { status, d } = closestInPolyhedron('l1', of, 10)
      const points = range(2000).map(() => Float64Array.from([0, 0, 0], () => 2 * random.uniform() - 1))
      const inside = points.filter((point) => missed(of, point) <= 0)
      if (status !== 'solved') expect(inside.length).toBeLessThan(5)
      else {
        expect(missed(of, d)).toBeLessThan(1e-5)
        for (const point of inside) expect(length('l1', d)).toBeLessThan(length('l1', point) + 1e-5)
      }
    }
  })

  // The corner (1, 1) of the box, just within and just beyond the half-plane.
  test.each(norms)('%s: a box that just misses a half-plane is proved to, one that just meets it is solved', (norm) => {
    const half = Math.SQRT1_2
    const at = (sum: number) => polyhedron([[half, half]], [half * sum], [-1, -1], [1, 1])
    expect(closestInPolyhedron(norm, at(2 + 1e-6), 100).status).toBe('beyond')
    const { status, d } = closestInPolyhedron(norm, at(2 - 1e-6), 100)
    expect(status).toBe('solved')
    expect(d[0] + d[1]).toBeCloseTo(2, 4)
  })

  test.each(norms)('%s: half-planes that just miss each other are proved to, each of them twice', (norm) => {
    const slab = (width: number) =>
      polyhedron(
        [
          [0.6, 0.8],
          [0.6, 0.8],
          [-0.6, -0.8],
          [-0.6, -0.8],
        ],
        [1, 1, -1 - width, -1 - width],
        [-3, -3],
        [3, 3],
      )
    expect(closestInPolyhedron(norm, slab(-1e-5), 5).status).toBe('beyond')
    expect(closestInPolyhedron(norm, slab(1e-5), 5).status).toBe('solved')
    expect(closestInPolyhedron(norm, slab(0), 5).status).toBe('solved')
  })

  test.each(['linf', 'l1'] as const)('%s: finds what HiGHS finds, and proves where there is nothing', async (norm) => {
    const random = randomSource(seed)
    const counts = { solved: 0, beyond: 0, stalled: 0, empty: 0 }
    for (const _ of range(200)) {
      const of = randomPolyhedron(random)
      const least = (await smallestByHighs(norm, of)) ?? Number.POSITIVE_INFINITY
      // Just below and above the smallest too.
      const near = 1 + 10 ** (-1 - 4 * random.uniform()) * (random.uniform() < 0.5 ? 1 : -1)
      const limit = least > 1e-3 && least < 100 && random.uniform() < 0.5 ? least * near : 2 + 2 * random.uniform()
      const { status, d } = closestInPolyhedron(norm, of, limit)
      counts[status]++
      if (status === 'beyond') {
        expect(least).toBeGreaterThan(limit * (1 - 1e-7))
        if (least === Number.POSITIVE_INFINITY) counts.empty++
      } else if (status === 'solved') {
        expectWithin(of, d, limit)
        expect(length(norm, d)).toBeLessThan(least + 2e-6 * limit)
        // Where rows are nearly parallel, little missed is much gained.
        if (length(norm, d) > least - 2e-6 * limit) continue
        const offsets = of.offsets.map((offset) => offset - tolerance * limit)
        expect(length(norm, d)).toBeGreaterThan((await smallestByHighs(norm, { ...of, offsets }))! - 2e-6 * limit)
      }
    }
    expect(counts.solved).toBeGreaterThan(50)
    expect(counts.empty).toBeGreaterThan(25)
    expect(counts.stalled).toBeLessThan(4)
  })

  test('l2: the multipliers prove what is found, and that there is nothing; HiGHS finds nothing there either', async () => {
    const random = randomSource(seed)
    const counts = { solved: 0, beyond: 0, stalled: 0 }
    for (const _ of range(200)) {
      const of = randomPolyhedron(random)
      const limit = 2 * random.uniform()
      const { status, d, multipliers } = closestInPolyhedron('l2', of, limit)
      counts[status]++
      expect(multipliers.every((multiplier) => multiplier >= 0)).toBe(true)
      if (status === 'beyond') expect(dualValue(of, multipliers)).toBeGreaterThan(0.5 * limit ** 2 * (1 - 1e-12))
      else if (status === 'solved') {
        expectWithin(of, d, limit)
        expect(Math.abs(0.5 * length('l2', d) ** 2 - dualValue(of, multipliers))).toBeLessThan(1e-6 * limit ** 2)
      }
      if ((await smallestByHighs('linf', of)) === undefined) expect(status).not.toBe('solved')
    }
    expect(counts.solved).toBeGreaterThan(50)
    expect(counts.beyond).toBeGreaterThan(50)
    expect(counts.stalled).toBeLessThan(4)
  })
})
