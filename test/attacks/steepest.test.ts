import { afterAll, describe, expect, test } from 'vitest'
import { emitSteepest } from '../../src/attacks/iteration/steepest.js'
import { engine } from '../../src/engine/engine.js'
import { type AttackNorm, distance, exponent } from '../../src/geometry/norm.js'
import { floatTensor, GraphBuilder } from '../../src/graph/builder.js'
import { randomSource } from '../../src/sampling/random.js'
import { seed } from '../seed.js'

afterAll(() => engine.close())

async function steepest(norm: AttackNorm, gradient: readonly number[]) {
  const builder = new GraphBuilder(18)
  builder.input('gradient', 'float32', ['batch', gradient.length])
  const { direction, slope } = emitSteepest(builder, norm, 'gradient', [1])
  builder.output('direction', direction)
  builder.output('slope', slope)
  const session = await engine.createSession(builder.build())
  const results = await session.run({ gradient: floatTensor(Float32Array.from(gradient), [1, gradient.length]) })
  return { direction: Array.from(results.direction.data, Number), slope: Number(results.slope.data[0]) }
}

const random = randomSource(seed)
const gradient = Array.from({ length: 7 }, () => random.normal())
const zero = gradient.map(() => 0)
const dot = (left: readonly number[], right: readonly number[]) =>
  left.reduce((sum, entry, index) => sum + entry * right[index], 0)
const length = (vector: readonly number[], norm: AttackNorm) =>
  distance(
    vector.map(() => 0),
    vector,
    norm,
  )[norm]

describe.each(['linf', 'l2', 'l1', 'l1.01', 'l1.5', 'l3', 'l100'] as const)('steepest ascent, %s', (norm) => {
  const p = exponent(norm)

  test('has norm 1 and gains the dual norm, which no other direction of norm 1 exceeds', async () => {
    const { direction, slope } = await steepest(norm, gradient)
    expect(length(direction, norm)).toBeCloseTo(1, 5)
    expect(dot(direction, gradient) / slope).toBeCloseTo(1, 5)
    for (let draw = 0; draw < 2000; draw++) {
      const other = direction.map((step) => step + 0.3 * random.normal())
      expect(dot(other, gradient) / length(other, norm)).toBeLessThanOrEqual(slope * (1 + 1e-5))
    }
  })

  test('is the closed form', async () => {
    const { direction } = await steepest(norm, gradient)
    const q = p === Number.POSITIVE_INFINITY ? 1 : p / (p - 1)
    const largest = Math.max(...gradient.map(Math.abs))
    const powers = gradient.map((slope) => (Math.abs(slope) / largest) ** (q - 1))
    const expected =
      p === 1
        ? gradient.map((slope) => (Math.abs(slope) === largest ? Math.sign(slope) : 0))
        : gradient.map((slope, index) => (Math.sign(slope) * powers[index]) / length(powers, norm))
    direction.forEach((step, index) => {
      expect(step).toBeCloseTo(expected[index], 5)
    })
  })

  test.each([1e-37, 1e-20, 1e20, 1e37])('does not depend on the scale, × %f', async (scale) => {
    const [plain, scaled] = [
      await steepest(norm, gradient),
      await steepest(
        norm,
        gradient.map((slope) => slope * scale),
      ),
    ]
    scaled.direction.forEach((step, index) => {
      expect(step).toBeCloseTo(plain.direction[index], 4)
    })
    expect(scaled.slope / plain.slope / scale).toBeCloseTo(1, 4)
  })

  test('is zero where the gradient is', async () => {
    expect(await steepest(norm, zero)).toEqual({ direction: zero, slope: 0 })
  })

  test('equal derivatives share the step', async () => {
    const { direction, slope } = await steepest(norm, [2, -2, 0])
    expect(length(direction, norm)).toBeCloseTo(1, 5)
    expect(direction[0]).toBeCloseTo(-direction[1], 6)
    expect(dot(direction, [2, -2, 0]) / slope).toBeCloseTo(1, 5)
  })
})
