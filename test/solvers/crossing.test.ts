import { expect, test } from 'vitest'
import { crossing } from '../../src/solvers/crossing.js'

function search(f: (place: number) => number, tolerance = 2 ** -16) {
  const inquiry = crossing(tolerance)
  let state = inquiry.next()
  const asked: number[] = []
  while (!state.done) {
    asked.push(state.value)
    const value = f(state.value)
    state = inquiry.next({ value, above: value > 0 })
  }
  return { found: state.value, asked }
}

test.each<[string, (place: number) => number, number, number]>([
  ['a line, near 1', (t) => t - 0.9987, 0.9987, 5],
  ['a line, near 0', (t) => t - 0.003, 0.003, 5],
  ['a parabola', (t) => t * t - 0.9, Math.sqrt(0.9), 8],
  ['a kink', (t) => Math.max(100 * (t - 0.99), t - 0.99), 0.99, 8],
  ['a kink just below', (t) => Math.min(100 * (t - 0.99), t - 0.99), 0.99, 8],
  ['a step', (t) => (t < 0.7 ? -1 : 1), 0.7, 26],
  ['a flat end', (t) => (t < 0.7 ? -1 : 1e-9), 0.7, 26],
])('%s: ends above zero, within the tolerance', (_, f, at, most) => {
  const { found, asked } = search(f)
  expect(f(found!)).toBeGreaterThan(0)
  expect(found! - at).toBeLessThanOrEqual(2 ** -16)
  expect(asked.length).toBeLessThanOrEqual(most)
  expect(asked.every((place) => place > 0 && place <= 1)).toBe(true)
})

test('what is not above zero at 1 is not searched', () => {
  expect(search((t) => t - 1)).toEqual({ found: undefined, asked: [1] })
})

test('a function that is not finite is bisected', () => {
  const { found } = search((t) => (t < 0.3 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY))
  expect(found! - 0.3).toBeLessThanOrEqual(2 ** -16)
  expect(found).toBeGreaterThanOrEqual(0.3)
})
