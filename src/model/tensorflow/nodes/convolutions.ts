import { float } from '../../../graph/builder.js'
import { convolutionLayers } from '../layers/convolutions.js'
import { denseLayers } from '../layers/dense.js'
import { type LayerContext, UntranslatableError, type Weights } from '../layers/layer.js'
import { poolingLayers } from '../layers/pooling.js'
import { channelsFirst } from '../layers/value.js'
import { fused, leaky, prelu } from './fused.js'
import { integerOf, integersOf, isSet, type NodeContext, type NodeRule, numberOf, textOf } from './node.js'
import { constantAt, refuseChannelsFirst, valueAt } from './operands.js'

/**
 * The node as a layer of these weights, whose input is the one of that number. Where the images of a sample are several,
 * these are one more axis, along which windows are of size 1.
 */
function asLayer(context: NodeContext, weights: readonly Weights[], input = 0): LayerContext {
  const { builder, node, outputs } = context
  refuseChannelsFirst(node)
  const value = valueAt(context, input)
  const along = value.isBare ? [1] : []
  const [strides, dilations, kernel] = ['strides', 'dilations', 'ksize'].map((name) => {
    const spatial = integersOf(node, name).slice(1, -1)
    return spatial.length > 0 ? [...along, ...spatial] : undefined
  })
  const margins = integersOf(node, 'explicit_paddings').slice(2, -2)
  const [before, after] = [0, 1].map((end) => [
    ...along.map(() => 0),
    ...margins.filter((_, index) => index % 2 === end),
  ])
  const padding = (textOf(node, 'padding') ?? 'VALID').toLowerCase()
  const config = {
    padding: padding === 'explicit' ? [...before, ...after] : padding,
    strides,
    dilationRate: dilations,
    poolSize: kernel,
    epsilon: numberOf(node, 'epsilon', 1e-4),
    activation: 'linear',
  }
  const isKernel = ({ shape }: Weights) => shape.length > 2
  return {
    builder,
    config,
    weights: weights.map((one) => (isKernel(one) ? { ...one, shape: [...along, ...one.shape] } : one)),
    inputs: [value],
    outputShape: outputs[0].shape,
  }
}

const convolution: NodeRule = (context) => [
  fused(context, (bias) =>
    convolutionLayers.Conv2D(asLayer(context, bias ? [constantAt(context, 1), bias] : [constantAt(context, 1)])),
  ),
]

const depthwise: NodeRule = (context) => [
  fused(context, (bias) =>
    convolutionLayers.DepthwiseConv2D(
      asLayer(context, bias ? [constantAt(context, 1), bias] : [constantAt(context, 1)]),
    ),
  ),
]

const normalisation: NodeRule = (context) => {
  if (isSet(context.node, 'is_training')) throw new UntranslatableError('it is in training mode')
  const layer = asLayer(
    context,
    [1, 2, 3, 4].map((index) => constantAt(context, index)),
  )
  return [denseLayers.BatchNormalization(layer)]
}

/** By the squares of the channels around. */
const responseNormalisation: NodeRule = (context) => {
  const { builder, node } = context
  const value = valueAt(context, 0)
  const size = 2 * integerOf(node, 'depth_radius') + 1
  const [alpha, beta, bias] = ['alpha', 'beta', 'bias'].map((name) => numberOf(node, name, 1))
  const attributes = { size, alpha: float(alpha * size), beta: float(beta), bias: float(bias) }
  return [{ shape: value.shape, first: builder.add('LRN', [channelsFirst(builder, value)], attributes) }]
}

const layerRule =
  (name: keyof typeof poolingLayers): NodeRule =>
  (context) => [poolingLayers[name](asLayer(context, []))]

export const convolutionNodes: Readonly<Record<string, NodeRule>> = {
  Conv2D: convolution,
  Conv3D: convolution,
  _FusedConv2D: convolution,
  Conv2DBackpropInput: (context) => [convolutionLayers.Conv2DTranspose(asLayer(context, [constantAt(context, 1)], 2))],
  DepthwiseConv2dNative: depthwise,
  FusedDepthwiseConv2dNative: depthwise,
  FusedBatchNorm: normalisation,
  FusedBatchNormV2: normalisation,
  FusedBatchNormV3: normalisation,
  LRN: responseNormalisation,
  MaxPool: layerRule('MaxPooling2D'),
  MaxPool3D: layerRule('MaxPooling2D'),
  AvgPool: layerRule('AveragePooling2D'),
  AvgPool3D: layerRule('AveragePooling2D'),
  LeakyRelu: (context) => [leaky(context.builder, valueAt(context, 0), numberOf(context.node, 'alpha', 0.2))],
  Prelu: (context) => [prelu(context.builder, valueAt(context, 0), constantAt(context, 1))],
}
