import type * as Tf from '@tensorflow/tfjs'
import { loadFixture } from '../../fixtures/index.js'
import { readModel } from '../../src/model/read-model.js'

interface Weights {
  readonly data: Float32Array
  readonly shape: number[]
}

export interface LenetWeights {
  /** [height, width, inputs, outputs] */
  readonly kernels: readonly [Weights, Weights]
  /** [inputs, outputs] */
  readonly matrices: readonly [Weights, Weights]
  /** Of the convolutions, then of the dense layers. */
  readonly biases: readonly Weights[]
}

/** The weights of the fixture mnist_lenet, laid out as TensorFlow has them: channels last. */
export async function lenetWeights(): Promise<LenetWeights> {
  const { graph } = await readModel((await loadFixture('mnist_lenet')).modelPath)
  const read = (name: string) => {
    const { data, shape } = graph.constants.get(name)!
    return { data: data as Float32Array, shape: [...shape] }
  }
  return {
    kernels: [permute(read('0.weight'), [2, 3, 1, 0]), permute(read('3.weight'), [2, 3, 1, 0])],
    matrices: [flattenedLast(read('7.weight')), permute(read('9.weight'), [1, 0])],
    biases: ['0.bias', '3.bias', '7.bias', '9.bias'].map(read),
  }
}

/** Rows that follow channels, rows, columns ([outputs, 16 · 5 · 5]) to rows that follow rows, columns, channels. */
function flattenedLast({ data, shape: [outputs, inputs] }: Weights): Weights {
  const moved = permute({ data, shape: [outputs, 16, 5, 5] }, [2, 3, 1, 0])
  return { data: moved.data, shape: [inputs, outputs] }
}

function permute({ data, shape }: Weights, order: readonly number[]): Weights {
  const target = order.map((axis) => shape[axis])
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1))
  const moved = data.map((_, position) => {
    let rest = position
    let from = 0
    for (let axis = target.length - 1; axis >= 0; axis--) {
      from += (rest % target[axis]) * strides[order[axis]]
      rest = Math.floor(rest / target[axis])
    }
    return data[from]
  })
  return { data: moved, shape: target }
}

/** The fixture as a layers model. */
export function lenetLayers(
  tf: typeof Tf,
  { kernels, matrices, biases }: LenetWeights,
  activation: 'linear' | 'softmax' = 'linear',
): Tf.LayersModel {
  const model = tf.sequential({
    name: 'lenet_layers',
    layers: [
      tf.layers.conv2d({ inputShape: [28, 28, 1], filters: 8, kernelSize: 5, padding: 'same', activation: 'relu' }),
      tf.layers.maxPooling2d({ poolSize: 2 }),
      tf.layers.conv2d({ filters: 16, kernelSize: 5, activation: 'relu' }),
      tf.layers.maxPooling2d({ poolSize: 2 }),
      tf.layers.flatten(),
      tf.layers.dense({ units: 84, activation: 'relu' }),
      tf.layers.dense({ units: 10, activation: activation }),
    ],
  })
  const all = [kernels[0], biases[0], kernels[1], biases[1], matrices[0], biases[2], matrices[1], biases[3]]
  const tensors = all.map(({ data, shape }) => tf.tensor(data, shape))
  model.setWeights(tensors)
  for (const tensor of tensors) tensor.dispose()
  return model
}

/** The fixture as a graph model, the way the converter writes it: with fused operators. */
export function lenetGraph({ kernels, matrices, biases }: LenetWeights, softmax = false): Tf.io.ModelArtifacts {
  const weights: [string, Weights][] = [
    ['conv1/kernel', kernels[0]],
    ['conv1/bias', biases[0]],
    ['conv2/kernel', kernels[1]],
    ['conv2/bias', biases[1]],
    ['dense1/kernel', matrices[0]],
    ['dense1/bias', biases[2]],
    ['dense2/kernel', matrices[1]],
    ['dense2/bias', biases[3]],
  ]
  const text = (value: string) => Buffer.from(value).toString('base64')
  const type = { type: 'DT_FLOAT' }
  const shapeOf = (shape: readonly number[]) => ({ dim: shape.map((size) => ({ size: String(size) })) })
  const node = (name: string, op: string, input: string[] = [], attr: object = {}) => ({ name, op, input, attr })
  const fused = (...names: string[]) => ({ num_args: { i: '1' }, fused_ops: { list: { s: names.map(text) } }, T: type })
  const list = (...sizes: number[]) => ({ list: { i: sizes.map(String) } })
  const convolution = (name: string, input: string, padding: string) =>
    node(name, '_FusedConv2D', [input, `${name}/kernel`, `${name}/bias`], {
      ...fused('BiasAdd', 'Relu'),
      strides: list(1, 1, 1, 1),
      dilations: list(1, 1, 1, 1),
      padding: { s: text(padding) },
      data_format: { s: text('NHWC') },
    })
  const pool = (name: string, input: string) =>
    node(name, 'MaxPool', [input], {
      ksize: list(1, 2, 2, 1),
      strides: list(1, 2, 2, 1),
      padding: { s: text('VALID') },
      data_format: { s: text('NHWC') },
      T: type,
    })
  const dense = (name: string, input: string, ...operators: string[]) =>
    node(name, '_FusedMatMul', [input, `${name}/kernel`, `${name}/bias`], {
      ...fused('BiasAdd', ...operators),
      transpose_a: { b: false },
      transpose_b: { b: false },
    })
  const constant = (name: string, dtype: string, shape: readonly number[]) =>
    node(name, 'Const', [], { dtype: { type: dtype }, value: { tensor: { dtype, tensorShape: shapeOf(shape) } } })
  const nodes = [
    node('x', 'Placeholder', [], { dtype: type, shape: { shape: shapeOf([-1, 28, 28, 1]) } }),
    ...weights.map(([name, { shape }]) => constant(name, 'DT_FLOAT', shape)),
    constant('flat/shape', 'DT_INT32', [2]),
    convolution('conv1', 'x', 'SAME'),
    pool('pool1', 'conv1'),
    convolution('conv2', 'pool1', 'VALID'),
    pool('pool2', 'conv2'),
    node('flat', 'Reshape', ['pool2', 'flat/shape'], { T: type, Tshape: { type: 'DT_INT32' } }),
    dense('dense1', 'flat', 'Relu'),
    dense('dense2', 'dense1'),
    ...(softmax ? [node('softmax', 'Softmax', ['dense2'], { T: type })] : []),
    node('Identity', 'Identity', [softmax ? 'softmax' : 'dense2'], { T: type }),
  ]
  const data = Buffer.concat([
    ...weights.map(([, { data }]) => Buffer.from(data.buffer, data.byteOffset, data.byteLength)),
    Buffer.from(Int32Array.of(-1, 400).buffer),
  ])
  const port = (name: string, shape: readonly number[]) => ({ name, dtype: 'DT_FLOAT', tensorShape: shapeOf(shape) })
  return {
    format: 'graph-model',
    generatedBy: 'test',
    modelTopology: { node: nodes, library: {}, versions: { producer: 1 } },
    signature: {
      inputs: { x: port('x:0', [-1, 28, 28, 1]) },
      outputs: { logits: port('Identity:0', [-1, 10]) },
    } as never,
    weightSpecs: [
      ...weights.map(([name, { shape }]) => ({ name, shape: [...shape], dtype: 'float32' as const })),
      { name: 'flat/shape', shape: [2], dtype: 'int32' },
    ],
    weightData: data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength),
  }
}
