import { float } from '../../../graph/builder.js'
import { activate } from '../layers/activations.js'
import { convolutionLayers } from '../layers/convolutions.js'
import { denseLayers } from '../layers/dense.js'
import { type LayerContext, UntranslatableError, type Weights } from '../layers/layer.js'
import { poolingLayers } from '../layers/pooling.js'
import { channelsLast, type Value } from '../layers/value.js'
import { integersOf, isSet, type NodeContext, type NodeRule, numberOf, textOf, textsOf } from './node.js'
import { constantAt, refuseChannelsFirst, valueAt } from './operands.js'

/** The node as a layer of these weights, whose input is the one of that number. */
function asLayer(context: NodeContext, weights: readonly Weights[], input = 0): LayerContext {
  const { builder, node, outputShapes } = context
  refuseChannelsFirst(node)
  const padding = (textOf(node, 'padding') ?? 'VALID').toLowerCase()
  const [strides, dilations, kernel] = ['strides', 'dilations', 'ksize'].map((name) =>
    integersOf(node, name).slice(1, 3),
  )
  const config = {
    padding,
    strides,
    dilationRate: dilations.length > 0 ? dilations : 1,
    poolSize: kernel,
    epsilon: numberOf(node, 'epsilon', 1e-4),
    activation: 'linear',
  }
  return { builder, config, weights, inputs: [valueAt(context, input)], outputShape: outputShapes[0] }
}

/** What a fused node does to its product: adds a bias, and bends it. */
function fused(context: NodeContext, product: (bias: readonly Weights[]) => Value): Value {
  const { builder, node } = context
  const [first, ...rest] = textsOf(node, 'fused_ops')
  if (first === undefined) return product([])
  const hasBias = first === 'BiasAdd'
  const value = product(hasBias ? [constantAt(context, 2)] : [])
  const [activation = 'Linear', ...others] = hasBias ? rest : [first, ...rest]
  if (others.length > 0) throw new UntranslatableError(`it is fused with ${others.join(' and ')}`)
  if (activation === 'LeakyRelu') return leaky(builder, value, numberOf(node, 'leakyrelu_alpha', 0.2))
  if (activation === 'Prelu') return prelu(builder, value, constantAt(context, 3))
  return activate(builder, value, activation.toLowerCase())
}

function leaky(builder: NodeContext['builder'], value: Value, slope: number): Value {
  return {
    shape: value.shape,
    last: builder.add('LeakyRelu', [channelsLast(builder, value)], { alpha: float(slope) }),
  }
}

function prelu(builder: NodeContext['builder'], value: Value, { data, shape }: Weights): Value {
  const slopes = builder.floats(data, shape.length > value.shape.length ? shape.slice(1) : shape)
  return { shape: value.shape, last: builder.add('PRelu', [channelsLast(builder, value), slopes]) }
}

const convolution: NodeRule = (context) => [
  fused(context, (bias) => convolutionLayers.Conv2D(asLayer(context, [constantAt(context, 1), ...bias]))),
]

const depthwise: NodeRule = (context) => [
  fused(context, (bias) => convolutionLayers.DepthwiseConv2D(asLayer(context, [constantAt(context, 1), ...bias]))),
]

const product: NodeRule = (context) => {
  const { node } = context
  if (isSet(node, 'transpose_a')) throw new UntranslatableError('its left factor is transposed')
  const matrix = isSet(node, 'transpose_b') ? transposed(constantAt(context, 1)) : constantAt(context, 1)
  return [fused(context, (bias) => denseLayers.Dense(asLayer(context, [matrix, ...bias])))]
}

function transposed({ data, shape: [rows, columns] }: Weights): Weights {
  return {
    data: data.map((_, index) => data[(index % rows) * columns + Math.floor(index / rows)]),
    shape: [columns, rows],
  }
}

const normalisation: NodeRule = (context) => {
  if (isSet(context.node, 'is_training')) throw new UntranslatableError('it is in training mode')
  const layer = asLayer(
    context,
    [1, 2, 3, 4].map((index) => constantAt(context, index)),
  )
  return [denseLayers.BatchNormalization(layer)]
}

const layerRule =
  (name: keyof typeof poolingLayers): NodeRule =>
  (context) => [poolingLayers[name](asLayer(context, []))]

export const convolutionNodes: Readonly<Record<string, NodeRule>> = {
  Conv2D: convolution,
  _FusedConv2D: convolution,
  Conv2DBackpropInput: (context) => [convolutionLayers.Conv2DTranspose(asLayer(context, [constantAt(context, 1)], 2))],
  DepthwiseConv2dNative: depthwise,
  FusedDepthwiseConv2dNative: depthwise,
  MatMul: product,
  _FusedMatMul: product,
  FusedBatchNorm: normalisation,
  FusedBatchNormV2: normalisation,
  FusedBatchNormV3: normalisation,
  MaxPool: layerRule('MaxPooling2D'),
  AvgPool: layerRule('AveragePooling2D'),
  LeakyRelu: (context) => [leaky(context.builder, valueAt(context, 0), numberOf(context.node, 'alpha', 0.2))],
  Prelu: (context) => [prelu(context.builder, valueAt(context, 0), constantAt(context, 1))],
}
