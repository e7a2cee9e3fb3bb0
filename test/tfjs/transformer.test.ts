import * as tf from '@tensorflow/tfjs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { engine } from '../../src/engine/engine.js'
import { intervalPropagation, loadTfjsModel, marginBounds } from '../../src/index.js'
import { predictClasses } from '../../src/model/predict-classes.js'
import { randomSource } from '../../src/sampling/random.js'
import { randomInputs, sampledMargins } from '../bounds/sampling.js'
import { seed } from '../seed.js'
import { expectTranslated } from './expect-translated.js'
import { TfjsGraphBuilder } from './graph-builder.js'

beforeAll(async () => {
  await tf.setBackend('cpu')
})
afterAll(() => engine.close())

const random = randomSource(seed)
const [tokens, width, heads] = [5, 8, 2]
const headWidth = width / heads
const cut = { begin_mask: 0, end_mask: 0, ellipsis_mask: 0, new_axis_mask: 0, shrink_axis_mask: 1 }

/** What transformers are made of, as Keras exports it. */
class Transformer {
  readonly graph = new TfjsGraphBuilder([4, 4, 3])

  weights(...shape: readonly number[]): string {
    const count = shape.reduce((product, size) => product * size, 1)
    return this.graph.floats(
      Float32Array.from({ length: count }, () => 0.4 * random.normal()),
      shape,
    )
  }

  number(value: number): string {
    return this.graph.floats([value], [])
  }

  /** Sizes whose first is that of the batch of a value. */
  sizes(value: string, ...others: readonly number[]): string {
    const { graph } = this
    const bounds = [[0], [1], [1]].map((numbers) => graph.ints(numbers))
    const batch = graph.add('StridedSlice', [graph.add('Shape', [value]), ...bounds], cut)
    return graph.add('Pack', [batch, ...others.map((size) => graph.ints([size], []))], {
      axis: 0,
      N: others.length + 1,
    })
  }

  reshape(value: string, ...shape: readonly number[]): string {
    return this.graph.add('Reshape', [value, this.graph.ints(shape)])
  }

  transpose(value: string, ...perm: readonly number[]): string {
    return this.graph.add('Transpose', [value, this.graph.ints(perm)])
  }

  /** A product whose rows are those of all samples. */
  dense(value: string, inputs: number, outputs: number): string {
    const { graph } = this
    const attributes = { transpose_a: false, transpose_b: false }
    const product = graph.add('MatMul', [this.reshape(value, -1, inputs), this.weights(inputs, outputs)], attributes)
    const apart = graph.add('Reshape', [product, this.sizes(value, tokens, outputs)])
    return graph.add('BiasAdd', [apart, this.weights(outputs)])
  }

  normalised(value: string): string {
    const { graph } = this
    const mean = (of: string) => graph.add('Mean', [of, graph.ints([-1])], { keep_dims: true })
    const centre = mean(value)
    const variance = mean(graph.add('SquaredDifference', [value, graph.add('StopGradient', [centre])]))
    const inverse = graph.add('Rsqrt', [graph.add('AddV2', [variance, this.number(1e-3)])])
    const scale = graph.add('Mul', [inverse, this.weights(width)])
    const offset = graph.add('Sub', [this.weights(width), graph.add('Mul', [centre, scale])])
    return graph.add('AddV2', [graph.add('Mul', [value, scale]), offset])
  }

  /** By tanh. */
  gelu(value: string): string {
    const { graph } = this
    const cube = graph.add('Pow', [value, this.number(3)])
    const inner = graph.add('AddV2', [value, graph.add('Mul', [this.number(0.044715), cube])])
    const sign = graph.add('Tanh', [graph.add('Mul', [this.number(Math.sqrt(2 / Math.PI)), inner])])
    const half = graph.add('Mul', [this.number(0.5), graph.add('AddV2', [this.number(1), sign])])
    return graph.add('Mul', [value, half])
  }

  attended(queries: string, keys: string, values: string): string {
    const { graph } = this
    const products = graph.add('BatchMatMulV2', [queries, keys], { adj_x: false, adj_y: true })
    const scores = graph.add('Softmax', [graph.add('Mul', [products, this.number(headWidth ** -0.5)])])
    return graph.add('BatchMatMulV2', [scores, values], { adj_x: false, adj_y: false })
  }

  /** Patches, and a token whose rows become the logits, around a block. */
  load(attend: (value: string) => string): Promise<tf.GraphModel> {
    const { graph } = this
    const strides = { strides: [1, 2, 2, 1], dilations: [1, 1, 1, 1], padding: 'VALID', data_format: 'NHWC' }
    const patches = graph.add('Conv2D', ['x', this.weights(2, 2, 3, width)], strides)
    const token = graph.add('BroadcastTo', [this.weights(1, 1, width), this.sizes('x', 1, width)])
    const sequence = this.reshape(patches, -1, tokens - 1, width)
    const joined = graph.add('ConcatV2', [token, sequence, graph.ints([1], [])], { N: 2 })
    const placed = graph.add('AddV2', [joined, this.weights(1, tokens, width)])
    const mixed = graph.add('AddV2', [placed, attend(this.normalised(placed))])
    const wide = this.gelu(this.dense(this.normalised(mixed), width, 2 * width))
    const last = this.normalised(graph.add('AddV2', [mixed, this.dense(wide, 2 * width, width)]))
    const ends = [
      [0, 0],
      [0, 1],
      [1, 1],
    ].map((numbers) => graph.ints(numbers))
    const first = graph.add('StridedSlice', [last, ...ends], {
      ...cut,
      begin_mask: 1,
      end_mask: 1,
      shrink_axis_mask: 2,
    })
    const logits = graph.add('MatMul', [first, this.weights(width, 3)], { transpose_a: false, transpose_b: false })
    return tf.loadGraphModel(tf.io.fromMemory(graph.build(graph.add('Softmax', [logits]))))
  }
}

/** Attention as it is written in Keras, in timm and in transformers. */
const attentions: Record<string, (model: Transformer, x: string) => string> = {
  einsum(model, x) {
    const { graph } = model
    const [queries, keys, values] = [0, 1, 2].map(() => {
      const weights = model.weights(width, heads, headWidth)
      const product = graph.add('Einsum', [x, weights], { equation: 'abc,cde->abde', N: 2 })
      return graph.add('AddV2', [product, model.weights(heads, headWidth)])
    })
    const scaled = graph.add('Mul', [queries, model.number(headWidth ** -0.5)])
    const products = graph.add('Einsum', [keys, scaled], { equation: 'aecd,abcd->acbe', N: 2 })
    const scores = graph.add('Softmax', [products])
    const mixed = graph.add('Einsum', [scores, values], { equation: 'acbe,aecd->abcd', N: 2 })
    const weights = model.weights(heads, headWidth, width)
    return graph.add('Einsum', [mixed, weights], { equation: 'abcd,cde->abe', N: 2 })
  },

  'one product, taken apart'(model, x) {
    const { graph } = model
    const all = model.reshape(model.dense(x, width, 3 * width), -1, tokens, 3, heads, headWidth)
    const parts = graph.add('Unpack', [model.transpose(all, 2, 0, 3, 1, 4)], { axis: 0, num: 3 })
    const mixed = model.attended(parts, `${parts}:1`, `${parts}:2`)
    return model.dense(model.reshape(model.transpose(mixed, 0, 2, 1, 3), -1, tokens, width), width, width)
  },

  'heads merged with the batch'(model, x) {
    const split = (value: string) => {
      const apart = model.transpose(model.reshape(value, -1, tokens, heads, headWidth), 0, 2, 1, 3)
      return model.reshape(apart, -1, tokens, headWidth)
    }
    const parts = [0, 1, 2].map(() => split(model.dense(x, width, width)))
    const mixed = model.reshape(model.attended(parts[0], parts[1], parts[2]), -1, heads, tokens, headWidth)
    return model.dense(model.reshape(model.transpose(mixed, 0, 2, 1, 3), -1, tokens, width), width, width)
  },
}

test.each(Object.entries(attentions))(
  'a transformer with attention by %s is translated and bounded',
  async (_, attend) => {
    const transformer = new Transformer()
    const native = await transformer.load((x) => attend(transformer, x))
    const before = tf.memory().numTensors
    const model = await loadTfjsModel(native, { tf, domain: [0, 1] })
    await expectTranslated(model)

    const inputs = randomInputs(model, 2, random)
    const epsilon = [0.0005, 0.0005]
    const labels = await predictClasses(model, inputs)
    const settings = { norm: 'linf', domain: 'intersect', points: 200 } as const
    const reached = await sampledMargins(model, inputs, labels, epsilon, settings, random)
    const margins = await marginBounds(model, intervalPropagation({ norm: 'linf' }), {
      inputs,
      labels,
      epsilon: 0.0005,
    })
    margins.forEach((margin, index) => {
      if (index % 3 !== labels[Math.floor(index / 3)]) expect(margin).toBeLessThanOrEqual(reached[index])
    })
    expect(margins.every(Number.isFinite)).toBe(true)
    await model.close()
    expect(tf.memory().numTensors).toBe(before)
    native.dispose()
  },
)
