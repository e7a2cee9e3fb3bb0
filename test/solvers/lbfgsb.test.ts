import { describe, expect, test } from 'vitest'
import { randomSource } from '../../src/sampling/random.js'
import { range } from '../../src/sampling/rows.js'
import type { Box } from '../../src/solvers/box.js'
import { type Evaluation, lbfgsb, type Minimum } from '../../src/solvers/lbfgsb.js'
import { solveInPlace } from '../../src/solvers/linear-system.js'
import { runTogether } from '../../src/solvers/run-together.js'
import { seed } from '../seed.js'

type Objective = (point: Float64Array) => Evaluation

const settings = { corrections: 15, iterations: 1000, tolerance: 1e-14 }

function minimise(objective: Objective, start: ArrayLike<number>, box: Box, changed: Partial<typeof settings> = {}) {
  const search = lbfgsb(Float64Array.from(start), box, { ...settings, ...changed })
  let state = search.next()
  let evaluations = 0
  while (!state.done) {
    // The bounds hold to the last bit wherever the function is evaluated.
    expect(state.value.every((coordinate, i) => coordinate >= box.lower[i] && coordinate <= box.upper[i])).toBe(true)
    evaluations++
    state = search.next(objective(state.value))
  }
  const { evaluation, ...minimum } = state.value
  return { ...minimum, ...evaluation, evaluations }
}

function boxOf(count: number, lower: number, upper: number): Box {
  return { lower: new Float64Array(count).fill(lower), upper: new Float64Array(count).fill(upper) }
}

/** ½ xᵀAx − bᵀx with A = RᵀR + ridge·I. */
function randomQuadratic(n: number, ridge: number) {
  const random = randomSource(seed + n)
  const factor = range(n).map(() => range(n).map(() => random.normal()))
  const matrix = range(n).map((i) =>
    range(n).map((j) => factor.reduce((sum, row) => sum + row[i] * row[j], i === j ? ridge : 0)),
  )
  const linear = range(n).map(() => 3 * random.normal())
  const objective: Objective = (x) => {
    const product = matrix.map((row) => row.reduce((sum, entry, j) => sum + entry * x[j], 0))
    const value = product.reduce((sum, entry, i) => sum + x[i] * (entry / 2 - linear[i]), 0)
    return { value, gradient: Float64Array.from(product, (entry, i) => entry - linear[i]) }
  }
  return { matrix, linear, objective }
}

/** Tries every choice of active bounds; of the points that are feasible the one with the smallest value is the minimum. */
function byEnumeration({ matrix, linear, objective }: ReturnType<typeof randomQuadratic>, { lower, upper }: Box) {
  const n = linear.length
  let best = { value: Number.POSITIVE_INFINITY, point: new Float64Array(n) }
  for (let choice = 0; choice < 3 ** n; choice++) {
    const states = range(n).map((i) => Math.floor(choice / 3 ** i) % 3)
    const free = range(n).filter((i) => states[i] === 0)
    const point = Float64Array.from(states, (state, i) => (state === 1 ? lower[i] : state === 2 ? upper[i] : 0))
    const right = Float64Array.from(
      free,
      (i) => linear[i] - matrix[i].reduce((sum, entry, j) => sum + entry * point[j], 0),
    )
    solveInPlace(Float64Array.from(free.flatMap((i) => free.map((j) => matrix[i][j]))), right, free.length)
    free.forEach((i, index) => {
      point[i] = right[index]
    })
    if (!point.every((coordinate, i) => coordinate >= lower[i] && coordinate <= upper[i])) continue
    const { value } = objective(point)
    if (value < best.value) best = { value, point }
  }
  return best
}

const rosenbrock: Objective = (x) => {
  let value = 0
  const gradient = new Float64Array(x.length)
  for (let i = 0; i + 1 < x.length; i++) {
    const [bend, rest] = [x[i + 1] - x[i] ** 2, 1 - x[i]]
    value += 100 * bend ** 2 + rest ** 2
    gradient[i] += -400 * x[i] * bend - 2 * rest
    gradient[i + 1] += 200 * bend
  }
  return { value, gradient }
}

describe('quadratic functions in a box', () => {
  test.each([1, 2, 3, 5, 7])('%i variables: the minimum is that of an enumeration of all active sets', (n) => {
    const quadratic = randomQuadratic(n, 0.1)
    for (const box of [boxOf(n, -0.3, 0.4), boxOf(n, 0, 1), boxOf(n, -100, 100)]) {
      const expected = byEnumeration(quadratic, box)
      const found = minimise(
        quadratic.objective,
        range(n).map(() => 0.1),
        box,
      )
      expect(found.converged).toBe(true)
      found.point.forEach((coordinate, i) => expect(coordinate).toBeCloseTo(expected.point[i], 5))
      expect(found.value).toBeCloseTo(expected.value, 9)
    }
  })

  test('the distance to a point ends at its projection, after one step', () => {
    const goal = [2, -3, 0.25, 0.5]
    const distance: Objective = (x) => ({
      value: x.reduce((sum, coordinate, i) => sum + (coordinate - goal[i]) ** 2 / 2, 0),
      gradient: x.map((coordinate, i) => coordinate - goal[i]),
    })
    const found = minimise(distance, [0.5, 0.5, 0.5, 0.5], boxOf(4, 0, 1))
    found.point.forEach((coordinate, i) => expect(coordinate).toBeCloseTo([1, 0, 0.25, 0.5][i], 12))
    expect(found.evaluations).toBeLessThanOrEqual(3)
  })

  test('a start outside the box is moved inside, and a coordinate with equal bounds stays', () => {
    const { objective } = randomQuadratic(4, 1)
    const box = { lower: [-1, 0.5, -1, -1], upper: [1, 0.5, 1, 1] }
    const { point } = minimise(objective, [5, 5, -5, 0], box)
    expect(point[1]).toBe(0.5)
    const expected = byEnumeration(randomQuadratic(4, 1), box)
    point.forEach((coordinate, i) => expect(coordinate).toBeCloseTo(expected.point[i], 5))
  })

  test('50 variables with a condition number of 1e6: the conditions of optimality hold', () => {
    const random = randomSource(seed)
    const scales = range(50).map((i) => 10 ** ((6 * i) / 49))
    const goals = range(50).map(() => random.normal())
    // Reflected, so that the axes of the ellipsoids are not those of the box.
    const mirror = range(50).map(() => random.normal() / Math.sqrt(50))
    const length = mirror.reduce((sum, entry) => sum + entry ** 2, 0)
    const reflect = (x: ArrayLike<number>) => {
      const along = (2 * mirror.reduce((sum, entry, i) => sum + entry * x[i], 0)) / length
      return mirror.map((entry, i) => x[i] - along * entry)
    }
    const objective: Objective = (x) => {
      const turned = reflect(x.map((coordinate, i) => coordinate - goals[i]))
      const value = turned.reduce((sum, entry, i) => sum + (scales[i] * entry ** 2) / 2, 0)
      return { value, gradient: Float64Array.from(reflect(turned.map((entry, i) => scales[i] * entry))) }
    }
    const box = boxOf(50, -0.5, 0.5)
    const { point, gradient, value } = minimise(
      objective,
      range(50).map(() => 0),
      box,
      { iterations: 5000 },
    )
    const first = objective(new Float64Array(50)).value
    expect(value).toBeLessThan(first)
    const bounded = range(50).filter((i) => Math.abs(point[i]) === 0.5)
    expect(bounded.length).toBeGreaterThan(10)
    for (const i of range(50)) {
      const violation =
        point[i] === 0.5
          ? Math.max(gradient[i], 0)
          : point[i] === -0.5
            ? Math.max(-gradient[i], 0)
            : Math.abs(gradient[i])
      // Gradients in this problem are of the order of 1e5.
      expect(violation).toBeLessThan(1)
    }
  })
})

describe("Rosenbrock's valley", () => {
  test('without active bounds', () => {
    const { point, evaluations } = minimise(rosenbrock, [-1.2, 1, -1.2, 1], boxOf(4, -10, 10))
    point.forEach((coordinate) => expect(coordinate).toBeCloseTo(1, 5))
    expect(evaluations).toBeLessThan(150)
  })

  test('of 25 variables with the bounds of the authors of L-BFGS-B, which fix every second one at its lower bound', () => {
    // Driver 1 of the published code: f = ¼(x₁ − 1)² + Σ (xᵢ − xᵢ₋₁²)², times 4; odd i in [1, 100], even in [−100, 100].
    const objective: Objective = (x) => {
      const gradient = new Float64Array(x.length)
      let value = (x[0] - 1) ** 2
      gradient[0] = 2 * (x[0] - 1)
      for (let i = 1; i < x.length; i++) {
        const bend = x[i] - x[i - 1] ** 2
        value += 4 * bend ** 2
        gradient[i] += 8 * bend
        gradient[i - 1] -= 16 * bend * x[i - 1]
      }
      return { value, gradient }
    }
    const box = { lower: range(25).map((i) => (i % 2 === 0 ? 1 : -100)), upper: range(25).map(() => 100) }
    const { point, value, iterations } = minimise(
      objective,
      range(25).map(() => 3),
      box,
      { corrections: 5 },
    )
    expect(value).toBeLessThan(1e-8)
    // Each error of a coordinate is twice that of the one before, with little effect on the value.
    point.subarray(0, 10).forEach((coordinate) => expect(coordinate).toBeCloseTo(1, 4))
    expect(iterations).toBeLessThan(80)
  })

  test('with the optimum at a bound', () => {
    // For x ≤ 0.5 the minimum is at (½, ¼).
    const { point } = minimise(rosenbrock, [-1.2, 1], { lower: [-2, -2], upper: [0.5, 2] })
    expect(point[0]).toBe(0.5)
    expect(point[1]).toBeCloseTo(0.25, 6)
  })
})

test('functions of very small and very large scale are minimised as well', () => {
  for (const scale of [1e-12, 1e12]) {
    const objective: Objective = (x) => {
      const { value, gradient } = rosenbrock(x)
      return { value: value * scale, gradient: gradient.map((derivative) => derivative * scale) }
    }
    const { point } = minimise(objective, [-1.2, 1], boxOf(2, -2, 2))
    point.forEach((coordinate) => expect(coordinate).toBeCloseTo(1, 4))
  }
})

test('a function that is NaN or infinite beyond some point is minimised before it', () => {
  for (const beyond of [Number.NaN, Number.POSITIVE_INFINITY]) {
    const objective: Objective = ([x]) => {
      const value = x < 3 ? (x - 2.5) ** 2 * 1e3 : beyond
      return { value, gradient: Float64Array.of(x < 3 ? 2e3 * (x - 2.5) : beyond) }
    }
    expect(minimise(objective, [0], boxOf(1, -10, 10)).point[0]).toBeCloseTo(2.5, 6)
  }
})

test('the iterations are a limit', () => {
  const { iterations, converged } = minimise(rosenbrock, [-1.2, 1], boxOf(2, -2, 2), { iterations: 5 })
  expect({ iterations, converged }).toEqual({ iterations: 5, converged: false })
})

describe('many searches at once', () => {
  const starts = range(20).map((i) => Float64Array.from([-1.2 + i / 10, 1 - i / 7, 0.3]))
  const search = (start: Float64Array) => lbfgsb(start, boxOf(3, -1.5, 0.9), settings)

  test('give what each alone gives, with one evaluation of the batch for all', async () => {
    let rounds = 0
    const together = await runTogether(starts.map(search), async (points, askers) => {
      rounds++
      expect(points).toHaveLength(askers.length)
      return points.map(rosenbrock)
    })
    const alone: Minimum<Evaluation>[] = []
    let most = 0
    for (const start of starts) {
      const { evaluations, value, gradient, ...minimum } = minimise(rosenbrock, start, boxOf(3, -1.5, 0.9))
      alone.push({ ...minimum, evaluation: { value, gradient } })
      most = Math.max(most, evaluations)
    }
    expect(together).toEqual(alone)
    expect(rounds).toBe(most)
  })

  test('end when there is no answer', async () => {
    let rounds = 0
    const results = await runTogether(starts.map(search), async (points) =>
      ++rounds > 3 ? undefined : points.map(rosenbrock),
    )
    expect(results).toEqual(starts.map(() => undefined))
  })
})
