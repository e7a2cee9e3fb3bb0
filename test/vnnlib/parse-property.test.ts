import { expect, test } from 'vitest'
import { parseProperty } from '../../src/vnnlib/parse-property.js'

const declarations = `
(declare-const X_0 Real)
(declare-fun X_1 () Real) ; the older form
(declare-const Y_0 Real)
(declare-const Y_1 Real)
`
const parse = (assertions: string) => parseProperty(`${declarations}${assertions}`, 'test.vnnlib')
const box = '(assert (and (<= 0 X_0 ) (<= X_0 1) (>= X_1 -1) (<= X_1 1e0)))'

test('bounds of single inputs make a box, everything else constraints', () => {
  const { cases, inputs, outputs, name } = parse(`${box} (assert (<= Y_1 (+ Y_0 0.25)))`)
  expect({ inputs, outputs, name }).toEqual({ inputs: 2, outputs: 2, name: 'test.vnnlib' })
  expect(cases).toEqual([
    {
      lower: Float64Array.of(0, -1),
      upper: Float64Array.of(1, 1),
      constraints: [
        {
          inputs: new Map(),
          outputs: new Map([
            [1, 1],
            [0, -1],
          ]),
          bound: 0.25,
        },
      ],
    },
  ])
})

test('disjunctions at any depth, also over inputs, become cases', () => {
  const { cases } = parse(`
    ${box}
    (assert (or (and (<= X_0 0.5) (or (<= Y_0 0) (>= Y_1 1))) (and (>= X_0 0.5) (<= Y_1 2))))`)
  expect(
    cases.map(({ lower, upper, constraints }) => [lower[0], upper[0], ...constraints.map(({ bound }) => bound)]),
  ).toEqual([
    [0, 0.5, 0],
    [0, 0.5, -1],
    [0.5, 1, 2],
  ])
})

test('linear expressions: sums, differences, products and quotients by constants', () => {
  const { cases } = parse(`${box} (assert (>= (* 2 (- Y_0 (/ Y_1 4) X_0)) (- (* (+ 1 2) X_1) 1)))`)
  // 2y₀ − ½y₁ − 2x₀ ≥ 3x₁ − 1
  expect(cases[0].constraints).toEqual([
    {
      inputs: new Map([
        [1, 3],
        [0, 2],
      ]),
      outputs: new Map([
        [0, -2],
        [1, 0.5],
      ]),
      bound: 1,
    },
  ])
})

test('an equality is two constraints; of several bounds the tightest counts', () => {
  const { cases } = parse(`${box} (assert (= X_1 0.25)) (assert (= Y_0 Y_1))`)
  expect([cases[0].lower[1], cases[0].upper[1]]).toEqual([0.25, 0.25])
  expect(cases[0].constraints).toHaveLength(2)
})

test('cases that no input can meet are left out', () => {
  expect(parse(`${box} (assert (>= X_0 2)) (assert (<= Y_0 0))`).cases).toEqual([])
  expect(parse(`${box} (assert (or (<= 1 0) (<= Y_0 0)))`).cases).toHaveLength(1)
})

test.each([
  ['(assert (<= Y_0 (* Y_0 Y_1)))', 'VNN-LIB line 6: (* Y_0 Y_1) multiplies variables; constraints have to be linear.'],
  ['(assert (< Y_0 0))', 'VNN-LIB line 6: (< Y_0 0) is no formula: VNN-LIB 1.0 has <=, >=, =, and, or.'],
  ['\n(assert (<= Y_2 0))', 'VNN-LIB line 7: Y_2 is neither a number nor a declared variable.'],
  ['(assert (<= Y_0 NaN))', 'VNN-LIB line 6: NaN is neither a number nor a declared variable.'],
  ['(assert (<= Y_0 1 2))', 'VNN-LIB line 6: (<= Y_0 1 2) compares 3 terms instead of two.'],
  ['(assert (<= (sin X_0) 1))', 'VNN-LIB line 6: (sin X_0) is no linear expression.'],
  ['(assert (<= () 1))', 'VNN-LIB line 6: () is no linear expression.'],
  ['(assert (not (<= Y_0 0)))', 'VNN-LIB line 6: (not (<= Y_0 0)) is no formula: VNN-LIB 1.0 has <=, >=, =, and, or.'],
  ['(assert (<= Y_0 0)', 'VNN-LIB line 6: the parenthesis that opens here is never closed.'],
  ['(assert (<= Y_0 0)))', 'VNN-LIB line 6: there is a closing parenthesis too many.'],
  ['(declare-const Z Real)', 'VNN-LIB line 6: (declare-const Z Real) declares no real variable X_i or Y_i.'],
  ['(declare-network f)', 'VNN-LIB line 6: (declare-network f) is no command of VNN-LIB 1.0.'],
  ['Y_0', 'VNN-LIB line 6: Y_0 is no command of VNN-LIB 1.0.'],
  ['', 'test.vnnlib asserts nothing: it is no property.'],
])('refuses %s', (text, message) => {
  expect(() => parse(text)).toThrow(message)
})

test('refuses variables with gaps, and none at all', () => {
  const text = '(declare-const X_1 Real) (declare-const Y_0 Real) (assert (<= Y_0 0))'
  expect(() => parseProperty(text, 'gap.vnnlib')).toThrow('gap.vnnlib declares 1 variables X_i, but no X_0.')
})

test('refuses disjunctions whose combinations nobody could check', () => {
  const either = '(assert (or (<= Y_0 0) (<= Y_1 0)))'
  expect(() => parse(`${box}${either.repeat(20)}`)).toThrow('more than 100000 combinations')
})

test('strings and symbols in bars may hold parentheses, semicolons and new lines', () => {
  const { cases } = parse(`(set-info :source |after (Katz et al.; 2017)
    ) and more|) (set-info :status "un(known;") ${box} (assert (<= Y_0 0))`)
  expect(cases).toHaveLength(1)
  expect(() => parse('(set-info :source |two\nlines|)\n(assert (< Y_0 0))')).toThrow('line 8')
})
