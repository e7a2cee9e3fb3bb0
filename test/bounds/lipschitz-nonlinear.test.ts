import { afterAll, describe, expect, test } from 'vitest'
import { lipschitz } from '../../src/bounds/lipschitz/lipschitz.js'
import { nonlinearRules } from '../../src/bounds/lipschitz/nonlinear-rules.js'
import { bound } from '../../src/bounds/run-bound.js'
import { engine } from '../../src/engine/engine.js'
import { distance, type Norm } from '../../src/geometry/norm.js'
import { type AttributeValue, float, GraphBuilder } from '../../src/graph/builder.js'
import { encodeModel } from '../../src/graph/encode.js'
import { elementCount } from '../../src/graph/graph.js'
import { loadModel } from '../../src/model/load-model.js'
import { ruleContext } from '../../src/passes/context.js'
import { type RandomSource, randomSource } from '../../src/sampling/random.js'
import { range } from '../../src/sampling/rows.js'
import { seed } from '../seed.js'
import { graphOf, operatorModel } from '../tiny-models.js'

afterAll(() => engine.close())

interface Case {
  readonly shape: readonly number[]
  readonly operator: string
  readonly attributes?: Record<string, AttributeValue>
  /** The function itself in float64, where the kernel has an error. */
  exact?(input: Float64Array): Float64Array
  /** How near pairs of inputs come to the constant: near where it is the best one. */
  readonly sharpness: number
}

const response = (alpha: number, beta: number, bias: number, size: number, channels: number): Case => ({
  shape: [channels, 1, 1],
  operator: 'LRN',
  attributes: { alpha: float(alpha), beta: float(beta), bias: float(bias), size },
  exact: (input) =>
    input.map((value, channel) => {
      const reach = (size - 1) / 2
      const window = input.subarray(Math.max(0, channel - reach), channel + reach + 1)
      const squares = window.reduce((sum, other) => sum + other * other, 0)
      return value / (Math.fround(bias) + (Math.fround(alpha) / size) * squares) ** Math.fround(beta)
    }),
  sharpness: 0.3,
})

/** Windows of two along one axis. */
const powers = (p: number, strides: number): Case => ({
  shape: [1, 6],
  operator: 'LpPool',
  attributes: { kernel_shape: [2], strides: [strides], p },
  exact: (input) =>
    Float64Array.from({ length: strides === 1 ? 5 : 3 }, (_, at) => {
      const [left, right] = [input[at * strides], input[at * strides + 1]].map(Math.abs)
      return (left ** p + right ** p) ** (1 / p)
    }),
  sharpness: 0.5,
})

const cases: Record<string, Case> = {
  Relu: { shape: [5], operator: 'Relu', sharpness: 0.9 },
  Abs: { shape: [5], operator: 'Abs', sharpness: 0.9 },
  LeakyRelu: { shape: [5], operator: 'LeakyRelu', attributes: { alpha: float(-2.5) }, sharpness: 0.9 },
  Sigmoid: { shape: [3], operator: 'Sigmoid', sharpness: 0.7 },
  Tanh: { shape: [3], operator: 'Tanh', sharpness: 0.7 },
  'MaxPool of tiles': {
    shape: [1, 6],
    operator: 'MaxPool',
    attributes: { kernel_shape: [2], strides: [2] },
    sharpness: 0.9,
  },
  'overlapping MaxPool': { shape: [1, 6], operator: 'MaxPool', attributes: { kernel_shape: [3] }, sharpness: 0.9 },
  'padded, dilated MaxPool in ceil mode': {
    shape: [1, 5, 5],
    operator: 'MaxPool',
    attributes: { kernel_shape: [2, 2], dilations: [2, 2], strides: [2, 1], pads: [1, 0, 1, 1], ceil_mode: 1 },
    sharpness: 0.5,
  },
  GlobalMaxPool: { shape: [2, 4], operator: 'GlobalMaxPool', sharpness: 0.9 },
  'LpPool, p = 1': powers(1, 2),
  'LpPool, p = 2': powers(2, 2),
  'overlapping LpPool, p = 3': powers(3, 1),
  'LRN, own channel': response(1, 0.75, 1, 1, 4),
  'LRN, windows of 3': response(3, 0.75, 2, 3, 5),
  'LRN, windows of 5, steep': response(20, 1.5, 0.5, 5, 5),
}

/** Pairs far apart and near, in many coordinates or in one, at every scale. */
function pair(size: number, random: RandomSource) {
  const scale = 10 ** (3 * random.uniform() - 2)
  const from = Float32Array.from({ length: size }, () => scale * random.normal())
  const step = 10 ** (4 * random.uniform() - 3)
  const single = Math.floor(random.uniform() * size)
  const only = random.uniform() < 0.5
  const to = from.map((value, at) => (only && at !== single ? value : value + step * random.normal()))
  return [from, to]
}

describe.each(Object.keys(cases))('%s', (name) => {
  const { shape, operator, attributes, exact, sharpness } = cases[name]

  test('no two inputs move their outputs apart by more than the Lipschitz constant', async () => {
    const random = randomSource(seed)
    const model = await loadModel(
      encodeModel(
        graphOf(shape, (builder, input) => builder.add('Flatten', [builder.add(operator, [input], attributes)])),
      ),
      { domain: [-100, 100] },
    )
    const context = ruleContext(model.graph, new GraphBuilder(18))
    const node = model.graph.nodes.find((each) => each.operator === operator)!
    const size = elementCount(shape)
    const pairs = range(1500).map(() => pair(size, random))
    const run = async (side: number) => {
      const data = new Float32Array(pairs.length * size)
      pairs.forEach((each, at) => {
        data.set(each[side], at * size)
      })
      return model.predict({ data, shape: [pairs.length, ...shape] })
    }
    const outputs = [await run(0), await run(1)]
    const width = outputs[0].length / pairs.length
    for (const norm of ['linf', 'l2', 'l1'] as const satisfies Norm[]) {
      const rule = nonlinearRules.get(operator)!(node, norm, context)
      const { lipschitz: constant, relativeError, absoluteError, growth = { rate: 0 } } = rule
      const relativeTo = (input: Float32Array) =>
        relativeError + growth.rate * distance(new Float32Array(size), input).l2 ** 2
      let steepest = 0
      pairs.forEach(([from, to], at) => {
        const [left, right] = outputs.map((side) => side.subarray(at * width, (at + 1) * width))
        const sizes = [left, right].map((output) => distance(new Float32Array(width), output)[norm])
        const noise = 2 * width * absoluteError + relativeTo(from) * sizes[0] + relativeTo(to) * sizes[1]
        const apart = Math.max(0, distance(left, right)[norm] - noise)
        steepest = Math.max(steepest, apart / distance(from, to)[norm])
      })
      expect(steepest).toBeLessThanOrEqual(constant * (1 + 1e-6))
      if (norm === 'l2') expect(steepest).toBeGreaterThan(sharpness * constant)
      if (!exact) continue
      // A quarter of the allowance is enough for the kernel of today.
      pairs.forEach(([from], at) => {
        exact(Float64Array.from(from)).forEach((value, element) => {
          const error = Math.abs(value - outputs[0][at * width + element])
          expect(error).toBeLessThanOrEqual((relativeTo(from) / 4) * Math.abs(value) + absoluteError)
        })
      })
    }
    await model.close()
  })
})

test('operators without a constant are refused by name', async () => {
  const request = (shape: readonly number[]) => ({
    inputs: { data: new Float32Array(elementCount(shape)).fill(0.5), shape: [1, ...shape] },
  })
  const cosh = await loadModel(operatorModel([3], 'Cosh'), { domain: [-1, 1] })
  const product = await loadModel(
    encodeModel(graphOf([3], (builder, input) => builder.add('Mul', [input, builder.add('Relu', [input])]))),
    { domain: [-1, 1] },
  )
  const response = await loadModel(
    encodeModel(
      graphOf([3, 1, 1], (builder, input) =>
        builder.add('Flatten', [builder.add('LRN', [input], { size: 3, bias: float(0) })]),
      ),
    ),
    { domain: [-1, 1] },
  )
  const method = lipschitz({ norm: 'l2' })
  await expect(bound(cosh, method, request([3]))).rejects.toThrow(/No bound rule for operator Cosh/)
  await expect(bound(product, method, request([3]))).rejects.toThrow(/No bound rule for operator Mul/)
  await expect(bound(response, method, request([3, 1, 1]))).rejects.toThrow(/LRN.*its bias is not positive/)
  const local = lipschitz({ norm: 'l2', scope: 'local' })
  const absolute = await loadModel(operatorModel([3], 'Abs'), { domain: [-1, 1] })
  await expect(bound(absolute, local, request([3]))).rejects.toThrow(/No bound rule for operator Abs/)
})

test('settings that do not exist are refused', () => {
  expect(() => lipschitz({ norm: 'l3' as 'l2' })).toThrow(/takes for norm one of linf, l2, l1/)
  expect(() => lipschitz({ norm: 'l2', scope: 'near' as 'local' })).toThrow(/takes for scope one of global, local/)
  expect(() => lipschitz({ norm: 'l2', domain: 'clip' as 'ignore' })).toThrow(/takes for domain one of/)
})
