import { expect, test } from 'vitest'
import { type LinePoint, lineSearch } from '../../src/solvers/line-search.js'

function search(f: (step: number) => [value: number, slope: number], most: number) {
  const at = (step: number): LinePoint => ({ step, value: f(step)[0], slope: f(step)[1] })
  const run = lineSearch<LinePoint>(at(0), most)
  let state = run.next()
  let trials = 0
  while (!state.done) {
    expect(state.value).toBeGreaterThan(0)
    expect(state.value).toBeLessThanOrEqual(most)
    trials++
    state = run.next(at(state.value))
  }
  return { start: at(0), found: state.value, trials }
}

test.each<[string, (step: number) => [number, number]]>([
  ['a parabola that one step fits', (t) => [(t - 1) ** 2, 2 * (t - 1)]],
  ['a minimum far before the first step', (t) => [(t - 1e-4) ** 2, 2 * (t - 1e-4)]],
  ['a minimum far behind it', (t) => [(t - 50) ** 2, 2 * (t - 50)]],
  ['low but steep at the first step', (t) => [-t + 0.9 * t ** 6, -1 + 5.4 * t ** 5]],
  ['two minima', (t) => [-Math.sin(5 * t) + t, -5 * Math.cos(5 * t) + 1]],
  ['a wall of NaN', (t) => (t < 0.3 ? [(t - 0.2) ** 2, 2 * (t - 0.2)] : [Number.NaN, Number.NaN])],
  ['a wall of infinity', (t) => (t < 0.3 ? [(t - 0.2) ** 2, 2 * (t - 0.2)] : [Infinity, Infinity])],
])('%s: the step has the strong Wolfe conditions', (_, f) => {
  const { start, found, trials } = search(f, 100)
  expect(start.slope).toBeLessThan(0)
  expect(found!.value).toBeLessThanOrEqual(start.value + 1e-3 * found!.step * start.slope)
  expect(Math.abs(found!.slope)).toBeLessThanOrEqual(-0.9 * start.slope)
  expect(trials).toBeLessThanOrEqual(10)
})

test('a function that only falls ends at the last step that fits', () => {
  expect(search((t) => [-t, -1], 7).found!.step).toBe(7)
  expect(search((t) => [-t, -1], 1).found!.step).toBe(1)
})

test('without a step that decreases the value there is none', () => {
  expect(search((t) => [t === 0 ? 0 : 1, -1], 1)).toMatchObject({ found: undefined })
  expect(search(() => [Number.NaN, -1], 1).found).toBeUndefined()
})
