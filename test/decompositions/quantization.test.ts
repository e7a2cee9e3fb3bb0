import { afterAll, describe, expect, test } from 'vitest'
import { pgd } from '../../src/attacks/perturbation-analysis/pgd.js'
import { attack } from '../../src/attacks/run-attack.js'
import { crown } from '../../src/bounds/crown.js'
import { bound } from '../../src/bounds/run-bound.js'
import { engine } from '../../src/engine/engine.js'
import { floatTensor, GraphBuilder } from '../../src/graph/builder.js'
import { encodeModel } from '../../src/graph/encode.js'
import { elementCount } from '../../src/graph/graph.js'
import { loadModel } from '../../src/model/load-model.js'
import { loadRegressor } from '../../src/model/load-regressor.js'
import { straightThroughWarnings } from '../../src/model/straight-through.js'
import { graphOf } from '../tiny-models.js'

afterAll(() => engine.close())

/** logits = 0.5·[[2, -1], [-3, 4]]·q(x) with q rounding to eighths and x in [0, 1]; weights in int8. */
function quantisedModel(): Uint8Array {
  const builder = new GraphBuilder(18)
  const input = builder.input('input', 'float32', ['batch', 2])
  const zero = builder.constant({ type: 'uint8', shape: [], data: Uint8Array.of(0) })
  const scale = builder.scalar(1 / 8)
  const quantised = builder.add('QuantizeLinear', [input, scale, zero])
  const rounded = builder.add('DequantizeLinear', [quantised, scale, zero])
  const weights = builder.constant({ type: 'int8', shape: [2, 2], data: Int8Array.of(2, -3, -1, 4) })
  const perColumn = builder.floats([0.5, 0.5])
  builder.output('logits', builder.add('MatMul', [rounded, builder.add('DequantizeLinear', [weights, perColumn])]))
  return encodeModel(builder.build())
}

describe('a quantised model', () => {
  const load = () => loadModel(quantisedModel(), { domain: [0, 1] })
  const inputs = { data: Float32Array.of(0.55, 0.3), shape: [1, 2] }

  test('has the predictions of the quantised values and the gradient of its weights', async () => {
    const model = await load()
    // 0.55 and 0.3 round to 0.5 and 0.25.
    const [first, second] = await model.predict(inputs)
    expect(first).toBeCloseTo(0.5 * (2 * 0.5 - 0.25), 5)
    expect(second).toBeCloseTo(0.5 * (-3 * 0.5 + 4 * 0.25), 5)
    const gradient = await model.inputGradient(inputs, [0], 'logit')
    expect(gradient[0]).toBeCloseTo(1, 5)
    expect(gradient[1]).toBeCloseTo(-0.5, 5)
    expect(model.description.warnings.join()).toMatch(/QuantizeLinear.*straight through/)
    await model.close()
  })

  test('says when the runtime computes something else than the file describes', async () => {
    const model = await load()
    expect(straightThroughWarnings(model.graph, 0.04)).toHaveLength(1)
    const [, warning] = straightThroughWarnings(model.graph, 0.3)
    expect(warning).toMatch(/differs by 0\.30 .*integer kernels may saturate/)
    await model.close()
  })

  test('is attacked through the rounding, and says so', async () => {
    const model = await load()
    const result = await attack(model, pgd({ norm: 'linf', epsilon: 0.4 }), { inputs, seed: 1 })
    expect(result.fooled).toBe(1)
    expect(result.warnings.join()).toMatch(/straight through/)
    await model.close()
  })

  test('has no bounds, and says which operator', async () => {
    const model = await load()
    await expect(bound(model, crown({ norm: 'linf' }), { inputs })).rejects.toThrow(/operator QuantizeLinear/)
    await model.close()
  })
})

/** Arithmetic as onnxruntime's dynamic quantisation writes it, or without quantisation. */
class Arithmetic {
  readonly builder: GraphBuilder
  readonly isQuantised: boolean

  constructor(builder: GraphBuilder, isQuantised: boolean) {
    this.builder = builder
    this.isQuantised = isQuantised
  }

  /** The steps, their size, and which of them is zero. */
  quantised(value: string): Factor & { readonly scale: string } {
    const { builder, isQuantised } = this
    if (!isQuantised) return { steps: value, scale: builder.scalar(1), zero: '' }
    const [steps, scale, zero] = builder.addMany('DynamicQuantizeLinear', [value], 3)
    return { steps, scale, zero }
  }

  /** Weights of 6 bits (kernels of some CPUs saturate at more) around a zero point for each channel, or for all. */
  weights(shape: readonly number[], channels: number, channelAxis: number): Factor {
    const { builder, isQuantised } = this
    const data = Uint8Array.from({ length: elementCount(shape) }, (_, index) => (index * 37 + 11) % 64)
    const zeros = Uint8Array.from({ length: channels }, (_, index) => 30 + index)
    const channelOf = (index: number) => Math.floor(index / elementCount(shape.slice(channelAxis + 1))) % channels
    if (!isQuantised) {
      const numbers = Array.from(data, (value, index) => value - zeros[channelOf(index)])
      return { steps: builder.floats(numbers, shape), zero: '' }
    }
    const bytes = (values: Uint8Array, sizes: readonly number[]) =>
      builder.constant({ type: 'uint8', shape: sizes, data: values })
    return { steps: bytes(data, shape), zero: bytes(zeros, [channels]) }
  }

  product(operator: 'MatMul' | 'Conv', left: Factor, right: Factor, settings: Record<string, number[]> = {}): string {
    const { builder, isQuantised } = this
    if (!isQuantised) return builder.add(operator, [left.steps, right.steps], settings)
    const product = builder.add(`${operator}Integer`, [left.steps, right.steps, left.zero, right.zero], settings)
    return builder.add('Cast', [product], { to: 1 })
  }
}

interface Factor {
  readonly steps: string
  readonly zero: string
}

const dynamic: Record<string, [readonly number[], (arithmetic: Arithmetic, input: string) => string]> = {
  'a matrix product': [
    [6],
    (arithmetic, input) => {
      const { builder } = arithmetic
      const value = arithmetic.quantised(input)
      const product = arithmetic.product('MatMul', value, arithmetic.weights([6, 4], 4, 1))
      return builder.add('Mul', [product, builder.add('Mul', [value.scale, builder.floats([0.02, 0.03, 0.01, 0.04])])])
    },
  ],
  'two convolutions, one after the other': [
    [2, 5, 4],
    (arithmetic, input) => {
      const { builder } = arithmetic
      const convolve = (from: string, channels: number, settings: Record<string, number[]>) => {
        const value = arithmetic.quantised(from)
        const sums = arithmetic.product('Conv', value, arithmetic.weights([3, channels, 3, 3], 1, 0), settings)
        return builder.add('Mul', [sums, builder.add('Mul', [value.scale, builder.scalar(0.01)])])
      }
      const first = builder.add('Relu', [convolve(input, 2, { pads: [1, 1, 1, 1] })])
      return builder.add('Flatten', [convolve(first, 3, { strides: [2, 1] })])
    },
  ],
  'attention, of which both factors are quantised': [
    [3, 4],
    (arithmetic, input) => {
      const { builder } = arithmetic
      const [queries, keys] = [arithmetic.quantised(input), arithmetic.quantised(builder.add('Tanh', [input]))]
      const moved = { ...keys, steps: builder.add('Transpose', [keys.steps], { perm: [0, 2, 1] }) }
      const product = arithmetic.product('MatMul', queries, moved)
      const scales = builder.add('Mul', [queries.scale, keys.scale])
      return builder.add('Flatten', [builder.add('Mul', [product, scales])])
    },
  ],
  'quantised and back': [
    [5],
    ({ builder, isQuantised }, input) =>
      isQuantised ? builder.add('DequantizeLinear', builder.addMany('DynamicQuantizeLinear', [input], 3)) : input,
  ],
}

describe.each(Object.entries(dynamic))('a dynamically quantised model: %s', (_, [features, build]) => {
  const size = elementCount(features)
  const inputs = {
    data: Float32Array.from({ length: 2 * size }, (_, index) => ((index * 13) % 17) / 8 - 1),
    shape: [2, ...features],
  }
  const load = (isQuantised: boolean) =>
    loadRegressor(
      encodeModel(graphOf(features, (builder, input) => build(new Arithmetic(builder, isQuantised), input))),
      { domain: [-1, 1] },
    )
  const largest = (values: Float32Array) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)

  test('is analysed in float32, where it computes the same', async () => {
    const model = await load(true)
    expect(model.description.batching).toBe('one at a time')
    expect(model.description.operators.DynamicQuantizeLinear).toBeGreaterThan(0)
    const deployed = await model.predict(inputs)
    const compiled = await model.compile('analysed', () => model.graph)
    const results = await compiled.run({ [model.graph.inputs[0].name]: floatTensor(inputs.data, inputs.shape) })
    const analysed = results[model.graph.outputs[0].name].data as Float32Array
    expect(largest(analysed.map((value, index) => value - deployed[index]))).toBeLessThan(1e-5 * largest(deployed))
    await model.close()
  })

  test('has the gradient of the network that was quantised, and says that it passes straight through', async () => {
    const [model, original] = [await load(true), await load(false)]
    expect(model.description.warnings).toEqual([expect.stringMatching(/DynamicQuantizeLinear.*straight through/)])
    const direction = Float32Array.from(inputs.data, (_, index) => Math.cos(index))
    const [slopes, expected] = [await model.jvp(inputs, direction), await original.jvp(inputs, direction)]
    // Factors of products are on the grid.
    expect(largest(slopes.map((slope, index) => slope - expected[index]))).toBeLessThan(0.01 * largest(expected))
    const cotangents = Float32Array.from(expected, (_, index) => Math.sin(index))
    const [gradient, other] = [await model.vjp(inputs, cotangents), await original.vjp(inputs, cotangents)]
    expect(largest(gradient.map((entry, index) => entry - other[index]))).toBeLessThan(0.01 * largest(other))
    await model.close()
    await original.close()
  })
})

test('integers of which some would stay are all kept, and the message names them', async () => {
  const build = (builder: GraphBuilder, input: string) => {
    const [steps, scale, zero] = builder.addMany('DynamicQuantizeLinear', [input], 3)
    const product = builder.add('MatMulInteger', [
      steps,
      new Arithmetic(builder, true).weights([6, 4], 1, 0).steps,
      zero,
    ])
    const sums = builder.add('Add', [
      product,
      builder.constant({ type: 'int32', shape: [4], data: Int32Array.of(1, 2, 3, 4) }),
    ])
    return builder.add('Mul', [builder.add('Cast', [sums], { to: 1 }), scale])
  }
  const model = await loadModel(encodeModel(graphOf([6], build)), { domain: [0, 1] })
  const inputs = { data: new Float32Array(6).fill(0.5), shape: [1, 6] }
  await expect(model.inputGradient(inputs, [0], 'logit')).rejects.toThrow(
    /rule for operator DynamicQuantizeLinear \(node .*\)\. Attacks that need none/,
  )
  await model.close()
})
