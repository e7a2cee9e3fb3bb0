import { describe, expect, test } from 'vitest'
import { float, type GraphBuilder } from '../../src/graph/builder.js'
import type { RandomSource } from '../../src/sampling/random.js'
import { differentiate } from './differentiate.js'
import { checkOperator } from './harness.js'

interface Activation {
  build(builder: GraphBuilder, input: string): string
  /** Where the slope jumps or is infinite; random inputs keep away from there. */
  readonly kinks?: readonly number[]
  readonly positive?: boolean
  readonly opset?: number
}

const attributes = { alpha: float(0.3) }
const cases: Record<string, Activation> = {
  Relu: { build: (builder, input) => builder.add('Relu', [input]), kinks: [0] },
  LeakyRelu: { build: (builder, input) => builder.add('LeakyRelu', [input], attributes), kinks: [0] },
  'LeakyRelu with its default slope': { build: (builder, input) => builder.add('LeakyRelu', [input]), kinks: [0] },
  'LeakyRelu with a negative slope': {
    build: (builder, input) => builder.add('LeakyRelu', [input], { alpha: float(-0.5) }),
    kinks: [0],
  },
  'PRelu with a slope per channel': {
    build: (builder, input) => builder.add('PRelu', [input, builder.floats([0.25, -0.5, 2], [3, 1, 1])]),
    kinks: [0],
  },
  'PRelu with one slope': {
    build: (builder, input) => builder.add('PRelu', [input, builder.floats([0.25])]),
    kinks: [0],
  },
  // From opset 19 on onnxruntime has no float64 kernels for these two.
  'LeakyRelu in opset 20': {
    build: (builder, input) => builder.add('LeakyRelu', [input], attributes),
    kinks: [0],
    opset: 20,
  },
  'PRelu in opset 20': {
    build: (builder, input) => builder.add('PRelu', [input, builder.floats([0.25, -0.5, 2], [3, 1, 1])]),
    kinks: [0],
    opset: 20,
  },
  Elu: { build: (builder, input) => builder.add('Elu', [input]) },
  'Elu with alpha': { build: (builder, input) => builder.add('Elu', [input], attributes), kinks: [0] },
  Sigmoid: { build: (builder, input) => builder.add('Sigmoid', [input]) },
  Tanh: { build: (builder, input) => builder.add('Tanh', [input]) },
  HardSigmoid: { build: (builder, input) => builder.add('HardSigmoid', [input]), kinks: [-2.5, 2.5] },
  'HardSigmoid with attributes': {
    build: (builder, input) => builder.add('HardSigmoid', [input], { alpha: float(0.8), beta: float(0.3) }),
    kinks: [-0.375, 0.875],
  },
  HardSwish: { build: (builder, input) => builder.add('HardSwish', [input]), kinks: [-3, 3] },
  Erf: { build: (builder, input) => builder.add('Erf', [input]) },
  Gelu: { build: (builder, input) => builder.add('Gelu', [input]), opset: 20 },
  'Gelu by tanh': {
    build: (builder, input) => builder.add('Gelu', [input], { approximate: 'tanh' }),
    opset: 20,
  },
  Softplus: { build: (builder, input) => builder.add('Softplus', [input]) },
  Clip: {
    build: (builder, input) => builder.add('Clip', [input, builder.scalar(-0.5), builder.scalar(1)]),
    kinks: [-0.5, 1],
  },
  'Clip from below': { build: (builder, input) => builder.add('Clip', [input, builder.scalar(-0.5)]), kinks: [-0.5] },
  'Clip from above': { build: (builder, input) => builder.add('Clip', [input, '', builder.scalar(1)]), kinks: [1] },
  'Clip without bounds': { build: (builder, input) => builder.add('Clip', [input]) },
  Sin: { build: (builder, input) => builder.add('Sin', [input]) },
  Cos: { build: (builder, input) => builder.add('Cos', [input]) },
  Exp: { build: (builder, input) => builder.add('Exp', [input]) },
  Log: { build: (builder, input) => builder.add('Log', [input]), positive: true },
  Sqrt: { build: (builder, input) => builder.add('Sqrt', [input]), positive: true },
  Abs: { build: (builder, input) => builder.add('Abs', [input]), kinks: [0] },
  'Pow 2': { build: (builder, input) => builder.add('Pow', [input, builder.scalar(2)]) },
  'Pow 3, an integer': {
    build: (builder, input) =>
      builder.add('Pow', [input, builder.constant({ type: 'int32', shape: [], data: Int32Array.of(3) })]),
  },
  'Pow -1.5': { build: (builder, input) => builder.add('Pow', [input, builder.scalar(-1.5)]), positive: true },
  'Pow with an exponent per column': {
    build: (builder, input) => builder.add('Pow', [input, builder.floats([0, 0.5, 1, 2.5])]),
    positive: true,
  },
}

function element({ kinks = [], positive = false }: Pick<Activation, 'kinks' | 'positive'>) {
  return (random: RandomSource): number => {
    const drawn = positive ? 0.2 + 2 * random.uniform() : 1.5 * random.normal()
    return kinks.some((kink) => Math.abs(drawn - kink) < 0.01) ? element({ kinks, positive })(random) : drawn
  }
}

test.for(Object.entries(cases))('%s', async ([, activation]) => {
  const { build, opset } = activation
  await checkOperator({ features: [3, 2, 4], build, element: element(activation), ...(opset && { opset }) })
})

const infinity = Number.POSITIVE_INFINITY

describe.for(['float32', 'float64'] as const)('at chosen points in %s', (precision) => {
  test.for<[string, readonly number[], readonly number[]]>([
    ['Relu', [0, -0, 1e-30, 1e30, -1e30, infinity, 1], [0, 0, 1, 1, 0, 1, 1]],
    ['LeakyRelu', [0, 2, -2], [0.3, 1, 0.3]],
    ['Elu with alpha', [0, 2], [0.3, 1]],
    ['Clip', [-0.5, 1, 0, -2, 2], [0, 0, 1, 0, 0]],
    ['HardSigmoid', [-2.5, 0, 2.5, 9], [0, 0.2, 0, 0]],
    ['HardSwish', [-9, -3, 0, 3, 9], [0, 0, 0.5, 1, 1]],
    ['Abs', [0, -0, 2, -2], [0, 0, 1, -1]],
    ['Sqrt', [0, 4], [0, 0.25]],
    ['Log', [0, 4], [0, 0.25]],
    ['Pow 2', [0, -3], [0, -6]],
    ['Pow 3, an integer', [0, -2], [0, 12]],
    ['Pow -1.5', [0], [0]],
    ['Pow with an exponent per column', [0, 0, 0, 0], [0, 0, 1, 0]],
  ])('%s of %j has the slopes %j', async ([name, input, slopes]) => {
    const { gradient, tangent } = await differentiate(
      { features: [input.length], input, build: cases[name].build },
      precision,
    )
    slopes.forEach((slope, index) => {
      expect(gradient[index]).toBeCloseTo(slope, 6)
      expect(tangent[index]).toBeCloseTo(slope, 6)
    })
  })

  // Reference slopes are written without the cancellation that the textbook forms suffer.
  const extreme = [-100, -30, -10, -1, 0, 1, 10, 30, 100]
  const decay = (x: number) => Math.exp(-Math.abs(x))
  test.for<[string, (x: number) => number]>([
    ['Sigmoid', (x) => decay(x) / (1 + decay(x)) ** 2],
    ['Tanh', (x) => (4 * decay(2 * x)) / (1 + decay(2 * x)) ** 2],
    ['Softplus', (x) => 1 / (1 + Math.exp(-x))],
    ['Elu', (x) => (x > 0 ? 1 : Math.exp(x))],
  ])('%s has accurate slopes on saturated units', async ([name, slope]) => {
    const { gradient } = await differentiate(
      { features: [extreme.length], input: extreme, build: cases[name].build },
      precision,
    )
    const [relative, smallest] = precision === 'float32' ? [1e-5, 1e-37] : [1e-12, 0]
    extreme.forEach((x, index) => {
      expect(Math.abs(gradient[index] - slope(x))).toBeLessThanOrEqual(relative * slope(x) + smallest)
    })
  })
})

test('the float64 Softplus keeps its relative accuracy for negative inputs', async () => {
  const input = [-600, -50, -20, -3, 0, 3, 50]
  const { output } = await differentiate({ features: [input.length], input, build: cases.Softplus.build }, 'float64')
  input.forEach((x, index) => {
    const expected = Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))
    expect(Math.abs(output[index] / expected - 1)).toBeLessThan(1e-14)
  })
})

test('the float64 Erf is exact to rounding', async () => {
  const input = [-9, -6, -2, -0.5, 0, 0.125, 1, 3]
  const { output } = await differentiate({ features: [input.length], input, build: cases.Erf.build }, 'float64')
  const expected = [
    -1, -1, -0.9953222650189527, -0.5204998778130465, 0, 0.1403162048013338, 0.8427007929497149, 0.9999779095030014,
  ]
  expected.forEach((value, index) => {
    expect(Math.abs(output[index] - value)).toBeLessThan(1e-15)
  })
})

test.for<[string, string, (builder: GraphBuilder, input: string) => string]>([
  ['an exponent that depends on the input', 'Pow', (builder, input) => builder.add('Pow', [builder.scalar(2), input])],
  [
    'an exponent larger than the base',
    'Pow',
    (builder, input) => builder.add('Pow', [input, builder.floats([1, 2, 3])]),
  ],
  ['a slope that depends on the input', 'PRelu', (builder, input) => builder.add('PRelu', [input, input])],
  [
    'bounds that depend on the input',
    'Clip',
    (builder, input) => builder.add('Clip', [input, builder.add('ReduceMin', [input], { keepdims: 0 })]),
  ],
])('refuses %s', async ([, operator, build]) => {
  const point = { features: [1], input: [1], build }
  await expect(differentiate(point, 'float32')).rejects.toMatchObject({ code: 'UNSUPPORTED_OPERATOR', operator })
})
