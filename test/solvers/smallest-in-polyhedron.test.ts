import { describe, expect, test } from 'vitest'
import { displacementToHyperplane } from '../../src/geometry/hyperplane.js'
import { distance } from '../../src/geometry/norm.js'
import { randomSource } from '../../src/sampling/random.js'
import { range } from '../../src/sampling/rows.js'
import { type HalfSpace, smallestInPolyhedron } from '../../src/solvers/smallest-in-polyhedron.js'
import { seed } from '../seed.js'

const lengthOf = (norm: 'linf' | 'l2', vector: ArrayLike<number>) =>
  distance(new Float64Array(vector.length), vector, norm)[norm]
const image = (normal: ArrayLike<number>, vector: ArrayLike<number>) =>
  Array.from(normal).reduce((sum, weight, index) => sum + weight * vector[index], 0)

describe.each(['l2', 'linf'] as const)('%s', (norm) => {
  test('within one half-space it is the projection onto the hyperplane', () => {
    const random = randomSource(seed)
    for (const features of [1, 3, 40, 300]) {
      const point = Float64Array.from({ length: features }, () => random.uniform())
      const normal = Float64Array.from({ length: features }, () => random.normal())
      // Half of what the box allows.
      const offset = normal.reduce((sum, weight, i) => sum + weight * ((weight > 0 ? 1 : 0) - point[i]), 0) / 2
      const domain = { lower: new Float32Array(features), upper: new Float32Array(features).fill(1) }
      const plane = { normal, offset: offset + image(normal, point) }
      const expected = displacementToHyperplane(norm, point, plane, domain)
      const box = { lower: point.map((value) => -value), upper: point.map((value) => 1 - value) }
      const found = smallestInPolyhedron(norm, [{ normal, offset }], box)
      expect(lengthOf(norm, found) / lengthOf(norm, expected)).toBeCloseTo(1, 8)
      expect(image(normal, found)).toBeGreaterThan(offset * (1 - 1e-8))
    }
  })

  test('nothing on a fine grid is smaller within several half-spaces and the box', () => {
    const random = randomSource(seed)
    const cells = 400
    for (const count of [2, 3, 6]) {
      const box = { lower: Float64Array.of(-0.7, -1), upper: Float64Array.of(1, 0.8) }
      const inside = [0.4 + 0.4 * random.uniform(), 0.3 + 0.4 * random.uniform()]
      const halfSpaces = range(count).map((): HalfSpace => {
        const normal = [random.normal(), random.normal()]
        return { normal, offset: image(normal, inside) - 0.05 * random.uniform() }
      })
      const found = smallestInPolyhedron(norm, halfSpaces, box)
      for (const { normal, offset } of halfSpaces) expect(image(normal, found)).toBeGreaterThan(offset - 1e-7)
      let smallest = Number.POSITIVE_INFINITY
      for (const row of range(cells + 1)) {
        for (const column of range(cells + 1)) {
          const point = [-0.7 + (1.7 * row) / cells, -1 + (1.8 * column) / cells]
          if (halfSpaces.every(({ normal, offset }) => image(normal, point) >= offset)) {
            smallest = Math.min(smallest, lengthOf(norm, point))
          }
        }
      }
      expect(lengthOf(norm, found)).toBeLessThan(smallest + 1e-7)
    }
  })

  test('nearly parallel half-spaces are all kept to', () => {
    const random = randomSource(seed)
    const features = 100
    const common = range(features).map(() => random.normal())
    const halfSpaces = range(20).map(() => ({
      normal: common.map((weight) => weight + 0.01 * random.normal()),
      offset: 10,
    }))
    const box = { lower: new Float64Array(features).fill(-1), upper: new Float64Array(features).fill(1) }
    const found = smallestInPolyhedron(norm, halfSpaces, box)
    for (const { normal, offset } of halfSpaces) expect(image(normal, found)).toBeGreaterThan(offset * (1 - 1e-8))
    // Keeping to all takes at least as much as keeping to any, and here hardly more.
    const single = Math.max(...halfSpaces.map((each) => lengthOf(norm, smallestInPolyhedron(norm, [each], box))))
    expect(lengthOf(norm, found) / single).toBeGreaterThan(1 - 1e-8)
    expect(lengthOf(norm, found) / single).toBeLessThan(1.05)
  })

  test('a feature without room stays, and stays within the box to the last bit', () => {
    const box = { lower: Float64Array.of(0.25, -0.1, -3), upper: Float64Array.of(0.25, 0.1, 3) }
    const found = smallestInPolyhedron(norm, [{ normal: [1, 2, 1], offset: 2.25 }], box)
    expect(found[0]).toBe(0.25)
    expect(found[1]).toBeLessThanOrEqual(0.1)
    expect(found[1]).toBeCloseTo(0.1, 7)
    expect(found[2]).toBeCloseTo(1.8, 7)
  })

  test('half-spaces out of reach are approached', () => {
    const box = { lower: Float64Array.of(-1, -1), upper: Float64Array.of(1, 1) }
    const found = smallestInPolyhedron(norm, [{ normal: [1, 1], offset: 5 }], box)
    expect(found[0]).toBeCloseTo(1, 3)
    expect(found[1]).toBeCloseTo(1, 3)
  })
})
