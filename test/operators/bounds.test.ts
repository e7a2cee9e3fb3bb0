import { afterAll, describe, expect, test } from 'vitest'
import { crown, intervalPropagation } from '../../src/bounds/crown.js'
import { marginBounds } from '../../src/bounds/run-bound.js'
import { engine } from '../../src/engine/engine.js'
import { lowestFloat32 } from '../../src/geometry/float32.js'
import { float } from '../../src/graph/builder.js'
import { encodeModel } from '../../src/graph/encode.js'
import type { Classifier } from '../../src/model/classifier.js'
import { loadModel } from '../../src/model/load-model.js'
import { type RandomSource, randomSource } from '../../src/sampling/random.js'
import { type Architecture, Layers } from '../bounds/networks.js'
import { randomInputs, sampledMargins } from '../bounds/sampling.js'
import { seed } from '../seed.js'
import { graphOf } from '../tiny-models.js'

afterAll(() => engine.close())

/** Two dense layers around one operator, whose inputs are affine in the model's. */
const around = (act: (layers: Layers, dense: (outputs?: number) => string) => string, width = 8): Architecture => ({
  featureShape: [6],
  build(layers, input) {
    const hidden = layers.act('Relu', layers.dense(input, 6, 8))
    return layers.dense(
      act(layers, (outputs = 8) => layers.dense(hidden, 8, outputs)),
      width,
      3,
    )
  },
})

const elementwise = (operator: string, attributes = {}): Architecture =>
  around(({ builder }, dense) => builder.add(operator, [dense()], attributes))

const positive = ({ builder }: Layers, value: string) =>
  builder.add('Add', [builder.add('Relu', [value]), builder.scalar(0.5)])

const matrices = (layers: Layers, value: string, rows: number) =>
  layers.builder.add('Reshape', [value, layers.builder.ints([0, rows, -1])])

const planes = (layers: Layers, value: string) =>
  layers.builder.add('Reshape', [value, layers.builder.ints([0, 2, 2, 2])])

const convolutional = (act: (layers: Layers, value: string) => string): Architecture => ({
  featureShape: [1, 10, 10],
  build(layers, input) {
    const first = act(layers, layers.conv(input, 1, 2, 3, { pads: [1, 1, 1, 1] }))
    const second = act(layers, layers.conv(first, 2, 2, 3, { pads: [1, 1, 1, 1] }))
    const third = act(layers, layers.conv(second, 2, 2, 3, { pads: [1, 1, 1, 1], strides: [3, 3] }))
    return layers.dense(layers.flatten(third), 32, 3)
  },
})
const masked = (mask: (layers: Layers, scores: string) => string): Architecture =>
  around((layers, dense) => {
    const scores = mask(layers, matrices(layers, dense(), 2))
    return layers.flatten(layers.builder.add('Softmax', [scores], { axis: 2 }))
  })

const architectures: Record<string, Architecture> = {
  Clip: around(({ builder }, dense) => builder.add('Clip', [dense(), builder.scalar(0), builder.scalar(0.5)])),
  Abs: elementwise('Abs'),
  HardSigmoid: elementwise('HardSigmoid', { alpha: float(0.8) }),
  HardSwish: elementwise('HardSwish'),
  Elu: elementwise('Elu'),
  LeakyRelu: elementwise('LeakyRelu'),
  PRelu: around((layers, dense) => layers.builder.add('PRelu', [dense(), layers.builder.scalar(0.25)])),
  Erf: elementwise('Erf'),
  Exp: elementwise('Exp'),
  Gelu: elementwise('Gelu'),
  'Gelu by tanh': elementwise('Gelu', { approximate: 'tanh' }),
  Softplus: elementwise('Softplus'),
  Sqrt: around((layers, dense) => layers.builder.add('Sqrt', [positive(layers, dense())])),
  Log: around((layers, dense) => layers.builder.add('Log', [positive(layers, dense())])),
  'Pow 2': around(({ builder }, dense) => builder.add('Pow', [dense(), builder.scalar(2)])),
  'Pow 3': around(({ builder }, dense) => builder.add('Pow', [dense(), builder.scalar(3)])),
  'Mul of two activations': around(({ builder }, dense) => builder.add('Mul', [dense(), dense()])),
  'Mul that broadcasts': around(({ builder }, dense) => builder.add('Mul', [dense(1), dense()])),
  'Mul by itself': around(({ builder }, dense) => {
    const value = dense()
    return builder.add('Mul', [value, value])
  }),
  'Mul by its Sigmoid': around(({ builder }, dense) => {
    const value = dense()
    return builder.add('Mul', [value, builder.add('Sigmoid', [value])])
  }),
  'Div by a positive activation': around((layers, dense) =>
    layers.builder.add('Div', [dense(), positive(layers, dense())]),
  ),
  'Div by a negative activation that broadcasts': around((layers, dense) =>
    layers.builder.add('Div', [dense(), layers.builder.add('Neg', [positive(layers, dense(1))])]),
  ),
  'Div of a constant': around((layers, dense) =>
    layers.builder.add('Div', [layers.numbers([8]), positive(layers, dense())]),
  ),
  'MatMul of two activations': around((layers, dense) => {
    const product = layers.builder.add('MatMul', [matrices(layers, dense(6), 2), matrices(layers, dense(6), 3)])
    return layers.flatten(product)
  }, 4),
  'MatMul that broadcasts': around((layers, dense) => {
    const { builder } = layers
    const stack = builder.add('Reshape', [dense(12), builder.ints([0, 2, 2, 3])])
    const one = builder.add('Reshape', [dense(6), builder.ints([0, 1, 3, 2])])
    return layers.flatten(builder.add('MatMul', [stack, one]))
  }),
  'Max of one activation': around(({ builder }, dense) => builder.add('Max', [dense()])),
  Selu: elementwise('Selu'),
  'Max of two activations': around(({ builder }, dense) => builder.add('Max', [dense(), dense()])),
  'Min of two activations that broadcast': around(({ builder }, dense) => builder.add('Min', [dense(1), dense()])),
  'Max of three and a constant': around((layers, dense) =>
    layers.builder.add('Max', [layers.numbers([8]), dense(), dense(), dense(1)]),
  ),
  'Min of an activation and a constant': around((layers, dense) =>
    layers.builder.add('Min', [dense(), layers.numbers([8], 0.3)]),
  ),
  Where: around(({ builder }, dense) => {
    const mask = { type: 'bool', shape: [8], data: Uint8Array.of(1, 0, 1, 1, 0, 0, 1, 0) } as const
    return builder.add('Where', [builder.constant(mask), dense(), dense(1)])
  }),
  'Where with a constant': around((layers, dense) => {
    const mask = { type: 'bool', shape: [8], data: Uint8Array.of(1, 0, 1, 1, 0, 0, 1, 0) } as const
    return layers.builder.add('Where', [layers.builder.constant(mask), layers.numbers([1]), dense()])
  }),
  Softmax: elementwise('Softmax', { axis: 1 }),
  LogSoftmax: elementwise('LogSoftmax', { axis: 1 }),
  'Softmax of rows with a mask of −10⁹': masked((layers, scores) => {
    return layers.builder.add('Add', [scores, layers.builder.floats([0, 0, 0, -1e9, 0.5, 0, -1e9, -1e9], [2, 4])])
  }),
  'Softmax of rows with a mask of −∞': masked((layers, scores) => {
    const without = Number.NEGATIVE_INFINITY
    return layers.builder.add('Add', [scores, layers.builder.floats([0, 0, 0.5, without, 0, 0, without, 0], [2, 4])])
  }),
  'Softmax of rows with the least number added': masked(({ builder }, scores) => {
    return builder.add('Add', [scores, builder.floats([0, 0, 0, lowestFloat32], [4])])
  }),
  'Softmax of rows with the least number where there is a mask': masked(({ builder }, scores) => {
    const mask = { type: 'bool', shape: [4], data: Uint8Array.of(0, 1, 0, 0) } as const
    return builder.add('Where', [builder.constant(mask), builder.scalar(lowestFloat32), scores])
  }),
  'Softmax along columns of large numbers': around(({ builder }, dense) => {
    const large = builder.add('Mul', [dense(), builder.scalar(8)])
    const columns = builder.add('Reshape', [large, builder.ints([0, 4, 2])])
    return builder.add('Flatten', [builder.add('Softmax', [columns], { axis: 1 })])
  }),
  LpPool: around((layers, dense) => {
    const pooled = layers.builder.add('LpPool', [planes(layers, dense())], { kernel_shape: [2, 2] })
    return layers.flatten(pooled)
  }, 2),
  LRN: around((layers, dense) =>
    layers.flatten(
      layers.builder.add('LRN', [layers.builder.add('Reshape', [dense(), layers.builder.ints([0, 4, 2, 1])])], {
        size: 3,
        alpha: float(0.5),
        beta: float(0.75),
      }),
    ),
  ),
  'MaxPool of Gelu': around((layers, dense) => {
    const pooled = layers.builder.add('MaxPool', [layers.builder.add('Gelu', [planes(layers, dense())])], {
      kernel_shape: [2, 2],
    })
    return layers.flatten(pooled)
  }, 2),
  'CNN of Clip with padding': convolutional(({ builder }, value) =>
    builder.add('Clip', [value, builder.scalar(0), builder.scalar(0.6)]),
  ),
  'CNN of x times its Sigmoid with padding': convolutional(({ builder }, value) =>
    builder.add('Mul', [value, builder.add('Sigmoid', [value])]),
  ),
  'MaxPool of Abs': around((layers, dense) => {
    const pooled = layers.builder.add('MaxPool', [layers.builder.add('Abs', [planes(layers, dense())])], {
      kernel_shape: [2, 2],
    })
    return layers.flatten(pooled)
  }, 2),
  'CNN of Softplus with padding': convolutional(({ builder }, value) => builder.add('Softplus', [value])),
  attention: {
    featureShape: [12],
    build(layers, input) {
      const { builder } = layers
      const [queries, keys, values] = [0, 1, 2].map(() => matrices(layers, layers.dense(input, 12, 6), 3))
      const scores = builder.add('MatMul', [queries, builder.add('Transpose', [keys], { perm: [0, 2, 1] })])
      const mixed = builder.add('MatMul', [builder.add('Softmax', [scores], { axis: -1 }), values])
      return layers.dense(layers.flatten(mixed), 6, 3)
    },
  },
}

async function randomModel({ featureShape, build }: Architecture, random: RandomSource): Promise<Classifier> {
  const graph = graphOf(featureShape, (builder, input) => build(new Layers(builder, random), input))
  return loadModel(encodeModel({ ...graph, opset: 20 }), { domain: [0, 1] })
}

const count = 5

const epsilon = [0, 1e-3, 0.03, 0.2, 1]

describe.each(Object.keys(architectures))('%s', (name) => {
  test('margins hold at every point sampled from the ball, and are exact at radius 0', async () => {
    const random = randomSource(seed)
    const model = await randomModel(architectures[name], random)
    const inputs = randomInputs(model, count, random)
    const labels = Array.from({ length: count }, (_, sample) => sample % model.classes)
    for (const norm of ['linf', 'l2'] as const) {
      const where = { norm, domain: 'intersect', points: 150 } as const
      const sampled = await sampledMargins(model, inputs, labels, epsilon, where, random)
      const tight = await marginBounds(model, crown({ norm }), { inputs, labels, epsilon })
      const loose = await marginBounds(model, intervalPropagation({ norm }), { inputs, labels, epsilon })
      sampled.forEach((margin, index) => {
        expect(tight[index]).toBeLessThanOrEqual(margin)
        expect(loose[index]).toBeLessThanOrEqual(margin)
      })
      const { classes } = model
      for (let other = 0; other < classes; other++) expect(tight[other]).toBeCloseTo(sampled[other], 3)
      // Balls of these sizes are bounded by finite numbers, and better by lines than by intervals.
      const small = (margins: Float64Array) => margins.subarray(0, 3 * classes).reduce((sum, margin) => sum + margin, 0)
      expect(Number.isFinite(small(tight))).toBe(true)
      expect(small(tight)).toBeGreaterThan(small(loose))
    }
    const exact = crown({ norm: 'linf', rounding: 'ignored', precision: 'float64' })
    const covered = await marginBounds(model, crown({ norm: 'linf' }), { inputs, labels, epsilon })
    const ignored = await marginBounds(model, exact, { inputs, labels, epsilon })
    // Covering the rounding lowers margins, by little.
    covered.subarray(0, 4 * model.classes).forEach((margin, index) => {
      expect(margin).toBeLessThanOrEqual(ignored[index])
      expect(margin).toBeGreaterThan(ignored[index] - 0.005 * Math.max(1, Math.abs(ignored[index])))
    })
    await model.close()
  })
})

test('an activation that is spread over space is not taken for one that varies there', async () => {
  const architecture: Architecture = {
    featureShape: [1, 12, 12],
    build(layers, input) {
      const everywhere = layers.conv(input, 1, 16, 12)
      const sum = layers.builder.add('Add', [everywhere, layers.conv(input, 1, 16, 1)])
      const total = layers.flatten(layers.act('Relu', layers.conv(sum, 16, 2, 1)))
      const column = Array.from({ length: 2 * 288 }, (_, index) => (index % 2 === 0 ? -1 : 0))
      return layers.builder.add('MatMul', [total, layers.builder.floats(column, [288, 2])])
    },
  }
  for (let network = 0; network < 6; network++) {
    const random = randomSource(seed + network)
    const model = await randomModel(architecture, random)
    const inputs = randomInputs(model, 4, random)
    const labels = [0, 0, 0, 0]
    const radii = [0.003, 0.01, 0.03, 0.1]
    const where = { norm: 'linf', domain: 'intersect', points: 100 } as const
    const sampled = await sampledMargins(model, inputs, labels, radii, where, random)
    const margins = await marginBounds(model, crown({ norm: 'linf' }), { inputs, labels, epsilon: radii })
    sampled.forEach((margin, index) => {
      expect(margins[index]).toBeLessThanOrEqual(margin)
    })
    await model.close()
  }
})
