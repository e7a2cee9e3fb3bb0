import { describe, expect, test } from 'vitest'
import { randomSource } from '../../src/sampling/random.js'
import { range } from '../../src/sampling/rows.js'
import { cauchyPoint } from '../../src/solvers/cauchy-point.js'
import { dot } from '../../src/solvers/dot.js'
import { LimitedMemory } from '../../src/solvers/limited-memory.js'
import { subspaceMinimum } from '../../src/solvers/subspace-minimum.js'
import { seed } from '../seed.js'

/** A memory of steps on a random convex quadratic, and the matrix that BFGS updates of θI make from them. */
function remembered(n: number, pairs: number, corrections: number) {
  const random = randomSource(seed + n + pairs)
  const vector = () => Float64Array.from({ length: n }, () => random.normal())
  const factor = range(n).map(vector)
  const hessian = range(n).map((i) => range(n).map((j) => factor.reduce((sum, row) => sum + row[i] * row[j], 0)))
  const memory = new LimitedMemory(corrections)
  const steps = range(pairs).map(vector)
  const changes = steps.map((step) => Float64Array.from(hessian, (row) => dot(Float64Array.from(row), step)))
  steps.forEach((step, pair) => {
    memory.learn(step, changes[pair])
  })
  let matrix = range(n).map((i) => range(n).map((j) => (i === j ? memory.theta : 0)))
  for (const pair of range(pairs).slice(-corrections)) {
    const [s, y] = [steps[pair], changes[pair]]
    const product = times(matrix, s)
    const [curvature, model] = [dot(s, y), dot(s, product)]
    matrix = matrix.map((row, i) =>
      row.map((entry, j) => entry - (product[i] * product[j]) / model + (y[i] * y[j]) / curvature),
    )
  }
  return { memory, matrix, random, vector }
}

function times(matrix: readonly (readonly number[])[], vector: Float64Array): Float64Array {
  return Float64Array.from(matrix, (row) => row.reduce((sum, entry, j) => sum + entry * vector[j], 0))
}

function expectClose(actual: Float64Array, expected: Float64Array) {
  expect(actual.length).toBe(expected.length)
  actual.forEach((value, i) => expect(Math.abs(value - expected[i])).toBeLessThan(1e-8 * (1 + Math.abs(expected[i]))))
}

describe.each([
  [6, 0, 15],
  [6, 1, 15],
  [8, 4, 15],
  [10, 9, 5],
])('%i variables, %i steps, %i of them remembered', (n, pairs, corrections) => {
  const { memory, matrix, random, vector } = remembered(n, pairs, corrections)

  test('θI − W M Wᵀ is the BFGS matrix', () => {
    const point = vector()
    const known = memory.applyMiddle(memory.project(point))
    const row = new Float64Array(memory.size)
    const product = point.map((coordinate, i) => memory.theta * coordinate - dot(memory.row(i, row), known))
    expectClose(product, times(matrix, point))
  })

  test('the Cauchy point is the first minimum along the bent path, the rest is minimised inside the box', () => {
    let free = 0
    for (const width of [0.01, 0.1, 1, 10, 1000]) {
      const x = Float64Array.from({ length: n }, () => random.uniform() * width)
      x[0] = 0
      const gradient = vector()
      const box = { lower: new Float64Array(n), upper: new Float64Array(n).fill(width) }
      const { point, coordinates } = cauchyPoint(x, gradient, box, memory)
      const step = (to: Float64Array) => to.map((coordinate, i) => coordinate - x[i])
      expectClose(coordinates, memory.project(step(point)))

      const path = (time: number) =>
        x.map((coordinate, i) => Math.min(Math.max(coordinate - time * gradient[i], 0), width))
      const model = (to: Float64Array) => dot(gradient, step(to)) + dot(step(to), times(matrix, step(to))) / 2
      const moved = range(n).filter((i) => point[i] > 0 && point[i] < width && gradient[i] !== 0)
      const time =
        moved.length > 0
          ? (x[moved[0]] - point[moved[0]]) / gradient[moved[0]]
          : Math.max(...range(n).map((i) => Math.abs(width / gradient[i])))
      expectClose(point, path(time))
      // Down all the way there, and not further down right behind it.
      const values = range(200).map((part) => model(path((time * part) / 199)))
      values
        .slice(1)
        .forEach((value, part) => expect(value).toBeLessThanOrEqual(values[part] + 1e-12 * Math.abs(value)))
      expect(model(path(time * 1.001))).toBeGreaterThanOrEqual(model(path(time)) - 1e-12 * Math.abs(values[199]))

      const minimum = subspaceMinimum(x, gradient, { point, coordinates }, box, memory)
      expect(minimum.every((coordinate) => coordinate >= 0 && coordinate <= width)).toBe(true)
      expect(dot(gradient, step(minimum))).toBeLessThan(0)
      const slope = times(matrix, step(minimum)).map((entry, i) => entry + gradient[i])
      if (range(n).every((i) => minimum[i] === point[i] || (minimum[i] > 0 && minimum[i] < width))) {
        for (const i of moved) expect(Math.abs(slope[i])).toBeLessThan(1e-6)
        free += moved.length
      }
    }
    expect(free).toBeGreaterThan(0)
  })
})

test('a step along which the gradient does not grow is not learnt from', () => {
  const memory = new LimitedMemory(5)
  memory.learn(Float64Array.of(1, 0), Float64Array.of(-1, 0))
  memory.learn(Float64Array.of(1, 0), Float64Array.of(0, 1))
  memory.learn(Float64Array.of(1, 0), Float64Array.of(Number.NaN, 1))
  expect(memory.size).toBe(0)
  memory.learn(Float64Array.of(1, 0), Float64Array.of(3, 0))
  expect({ size: memory.size, theta: memory.theta }).toEqual({ size: 2, theta: 3 })
})
