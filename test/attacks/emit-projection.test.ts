import { afterAll, describe, expect, test } from 'vitest'
import { emitProjection } from '../../src/attacks/iteration/emit-projection.js'
import { engine } from '../../src/engine/engine.js'
import { distance } from '../../src/geometry/norm.js'
import { floatTensor, GraphBuilder } from '../../src/graph/builder.js'
import { randomSource } from '../../src/sampling/random.js'
import { rowOf } from '../../src/sampling/rows.js'
import { seed } from '../seed.js'

afterAll(() => engine.close())

const norms = ['linf', 'l2', 'l1'] as const
const [count, size] = [40, 12]

/** Origins in a box, points inside and far outside of ball and box, and their projections. */
async function project(norm: (typeof norms)[number]) {
  const random = randomSource(seed)
  const shape = [count, 3, 4]
  const origin = Float32Array.from({ length: count * size }, () => random.uniform())
  // Some coordinates sit at a bound of the box, some points are at the origin.
  origin.forEach((_, index) => {
    if (index % 5 === 0) origin[index] = index % 2
  })
  const reach = [0, 0.05, 0.5, 3]
  const point = origin.map((value, index) => value + reach[Math.floor(index / size) % 4] * random.normal())
  const epsilon = Float32Array.from({ length: count }, (_, sample) => [0.1, 0.5, 1, 2, 30][sample % 5])
  const within = (sample: number, value: number) => (norm === 'linf' ? value * epsilon[sample] : value * Infinity)
  const bound = (side: number) =>
    origin.map((value, index) =>
      side < 0
        ? Math.max(0, value + within(Math.floor(index / size), -1))
        : Math.min(1, value + within(Math.floor(index / size), 1)),
    )
  const builder = new GraphBuilder(18)
  const names = ['point', 'origin', 'lower', 'upper'] as const
  for (const name of names) builder.input(name, 'float32', ['batch', 3, 4])
  builder.input('epsilon', 'float32', ['batch', 1, 1])
  const ball = { origin: 'origin', lower: 'lower', upper: 'upper', epsilon: 'epsilon', featureShape: [3, 4] }
  builder.output('projected', emitProjection(builder, norm, 'point', ball))
  const session = await engine.createSession(builder.build())
  const data = { point, origin, lower: bound(-1), upper: bound(1) }
  const results = await session.run({
    ...Object.fromEntries(names.map((name) => [name, floatTensor(data[name], shape)])),
    epsilon: floatTensor(epsilon, [count, 1, 1]),
  })
  await session.release()
  return { origin, point, epsilon, projected: results.projected.data as Float32Array }
}

describe.each(norms)('projection in the graph, %s', (norm) => {
  test('ends within ball and box; a point that is there already stays', async () => {
    const { origin, point, epsilon, projected } = await project(norm)
    let moved = 0
    for (let sample = 0; sample < count; sample++) {
      const [from, before, after] = [origin, point, projected].map((values) => rowOf(values, size, sample))
      expect(distance(from, after)[norm]).toBeLessThanOrEqual(epsilon[sample] * (1 + 1e-5))
      expect(after.every((value) => value >= 0 && value <= 1)).toBe(true)
      const inside =
        before.every((value) => value >= 0 && value <= 1) && distance(from, before)[norm] <= epsilon[sample]
      if (inside) expect(distance(before, after).linf).toBeLessThan(1e-6)
      else moved++
    }
    expect(moved).toBeGreaterThan(count / 4)
    expect(moved).toBeLessThan(count)
  })
})

test('in ℓ1 no point of ball and box is nearer', async () => {
  const { origin, point, epsilon, projected } = await project('l1')
  for (let sample = 0; sample < count; sample++) {
    const [from, before, after] = [origin, point, projected].map((values) => rowOf(values, size, sample))
    // The projection shrinks all lengths by one threshold, to what the box has room for; the norm says which.
    const shrunk = (threshold: number) =>
      Array.from(before, (value, feature) => {
        const step = value - from[feature]
        const room = step > 0 ? 1 - from[feature] : from[feature]
        return Math.sign(step) * Math.min(Math.max(Math.abs(step) - threshold, 0), room)
      })
    const norm = (threshold: number) => shrunk(threshold).reduce((sum, step) => sum + Math.abs(step), 0)
    let [low, high] = [0, 20]
    if (norm(0) <= epsilon[sample]) high = 0
    for (let halving = 0; halving < 60; halving++) {
      const middle = (low + high) / 2
      if (norm(middle) > epsilon[sample]) low = middle
      else high = middle
    }
    shrunk(high).forEach((step, feature) => {
      expect(after[feature] - from[feature]).toBeCloseTo(step, 4)
    })
  }
})
