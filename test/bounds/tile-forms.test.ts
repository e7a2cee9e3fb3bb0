import { expect, test } from 'vitest'
import { formsOf, maximumRoots } from '../../src/bounds/lipschitz/tile-forms.js'
import { randomSource } from '../../src/sampling/random.js'
import { range } from '../../src/sampling/rows.js'
import { seed } from '../seed.js'

/** vᵀMv */
function formAt(form: Float64Array, v: readonly number[]): number {
  return form.reduce((sum, element, at) => sum + element * v[Math.floor(at / 4)] * v[at % 4], 0)
}

/** Σ v·vᵀ */
function momentsOf(vectors: readonly (readonly number[])[]): Float64Array {
  const moments = new Float64Array(16)
  for (const v of vectors) for (const at of range(16)) moments[at] += v[Math.floor(at / 4)] * v[at % 4]
  return moments
}

test('elements that do not move together leave the sum of their squares', () => {
  const form = formsOf(maximumRoots(momentsOf([...range(4)].map((own) => range(4).map((at) => (at === own ? 3 : 0))))))
  form.forEach((element, at) => {
    expect(element).toBeCloseTo(at % 5 === 0 ? 1 : 0, 12)
  })
})

test('elements that move together count little more than once', () => {
  const together = [2, 2, 2, 2]
  const form = formsOf(maximumRoots(momentsOf([together])))
  // The square of one of them is 4, that of all 16.
  expect(formAt(form, together)).toBeGreaterThanOrEqual(4)
  expect(formAt(form, together)).toBeLessThan(4.6)
})

test('a channel that nothing reaches has a form as well', () => {
  expect([...formsOf(maximumRoots(new Float64Array(16)))].filter((element) => element !== 0)).toEqual([1, 1, 1, 1])
})

test('no form is below the square of an element, nor worse than the sum of all squares', () => {
  const random = randomSource(seed)
  for (const _ of range(50)) {
    const mixing = range(16).map(() => random.normal())
    const draw = () => {
      const z = range(4).map(() => random.normal())
      return range(4).map((row) => range(4).reduce((sum, at) => sum + mixing[4 * row + at] * z[at], 0))
    }
    const vectors = range(20).map(draw)
    const form = formsOf(maximumRoots(momentsOf(vectors)))
    const total = (of: Float64Array) => vectors.reduce((sum, v) => sum + formAt(of, v), 0)
    for (const v of [...vectors, ...range(100).map(draw)]) {
      expect(formAt(form, v)).toBeGreaterThanOrEqual(Math.max(...v.map((element) => element ** 2)) * (1 - 1e-9))
    }
    // The sum of squares is the form of elements that are independent.
    expect(total(form)).toBeLessThanOrEqual(
      total(momentsOf(range(4).map((own) => range(4).map((at) => (at === own ? 1 : 0))))) * (1 + 1e-9),
    )
  }
})
