import type { GraphBuilder } from '../graph/builder.js'
import {
  elementCount,
  featureShape,
  floatAttribute,
  type GraphNode,
  intAttribute,
  type Shape,
  type TypedGraph,
  usedBy,
} from '../graph/graph.js'
import { axesFrom, type Decomposition, type DecompositionContext } from './decomposition.js'

/** x less its mean over the axes, divided by its standard deviation there. */
function emitStandardized(value: string, axes: readonly number[], epsilon: number, builder: GraphBuilder): string {
  const mean = builder.add('ReduceMean', [value, builder.ints(axes)], { keepdims: 1 })
  const centred = builder.add('Sub', [value, mean])
  return builder.add('Div', [centred, emitRoot(centred, axes, epsilon, builder)])
}

/** √(mean of the squares + ε) */
function emitRoot(value: string, axes: readonly number[], epsilon: number, builder: GraphBuilder): string {
  const squares = builder.add('Pow', [value, builder.scalar(2)])
  const mean = builder.add('ReduceMean', [squares, builder.ints(axes)], { keepdims: 1 })
  return builder.add('Sqrt', [builder.add('Add', [mean, builder.scalar(epsilon)])])
}

function emitAffine(value: string, scale: string | undefined, bias: string | undefined, builder: GraphBuilder): string {
  const scaled = scale ? builder.add('Mul', [value, scale]) : value
  return bias ? builder.add('Add', [scaled, bias]) : scaled
}

/** Whether nothing needs the statistics, which exporters may name all the same. */
function isAboutFirstOutput({ outputs: [, ...others] }: GraphNode, { nodes, outputs }: TypedGraph): boolean {
  const needed = new Set([...nodes.flatMap(usedBy), ...outputs.map(({ name }) => name)])
  return !others.some((output) => output !== '' && needed.has(output))
}

const layerNormalization: Decomposition = {
  operator: 'LayerNormalization',
  coversRounding: true,
  decompose(node, { builder, shape, graph }) {
    if (!isAboutFirstOutput(node, graph)) return undefined
    const [input, scale, bias] = node.inputs
    const axes = axesFrom(intAttribute(node, 'axis', -1), shape(input).length)
    const standardized = emitStandardized(input, axes, floatAttribute(node, 'epsilon', 1e-5), builder)
    return [emitAffine(standardized, scale, bias, builder)]
  },
}

/** Divides by the root of the mean square. */
const rootMeanSquare = (operator: string): Decomposition => ({
  operator,
  coversRounding: true,
  decompose(node, { builder, shape, graph }) {
    if (!isAboutFirstOutput(node, graph)) return undefined
    const [input, scale] = node.inputs
    const axes = axesFrom(intAttribute(node, 'axis', -1), shape(input).length)
    const root = emitRoot(input, axes, floatAttribute(node, 'epsilon', 1e-5), builder)
    return [emitAffine(builder.add('Div', [input, root]), scale, undefined, builder)]
  },
})

/** One number per channel, to be broadcast over an image. */
function perChannel(value: string, shape: Shape, builder: GraphBuilder): string {
  return builder.add('Reshape', [value, builder.ints([-1, ...shape.slice(2).map(() => 1)])])
}

const instanceNormalization: Decomposition = {
  operator: 'InstanceNormalization',
  coversRounding: true,
  decompose(node, { builder, shape }) {
    const [input, scale, bias] = node.inputs
    const sizes = shape(input)
    const standardized = emitStandardized(
      input,
      axesFrom(2, sizes.length),
      floatAttribute(node, 'epsilon', 1e-5),
      builder,
    )
    return [emitAffine(standardized, perChannel(scale, sizes, builder), perChannel(bias, sizes, builder), builder)]
  },
}

const groupNormalization: Decomposition = {
  operator: 'GroupNormalization',
  // The runtime computes the variance as E(x²) − E(x)², which cancels.
  coversRounding: false,
  decompose(node, context) {
    const { builder, shape } = context
    const [input, scale, bias] = node.inputs
    const sizes = featureShape(shape(input))
    if (!sizes) return undefined
    const [channels, ...space] = sizes
    const groups = intAttribute(node, 'num_groups', 1)
    const grouped = builder.add('Reshape', [
      input,
      builder.ints([0, groups, (channels / groups) * elementCount(space)]),
    ])
    const standardized = emitStandardized(grouped, [2], floatAttribute(node, 'epsilon', 1e-5), builder)
    const [scales, biases] = [scale, bias].map((value) => forChannels(value, channels, space, context))
    return [emitAffine(builder.add('Reshape', [standardized, builder.ints([0, ...sizes])]), scales, biases, builder)]
  },
}

/** Opset 18 has one number per group, later ones have one per channel. */
function forChannels(
  value: string,
  channels: number,
  space: readonly number[],
  { builder, shape }: DecompositionContext,
): string {
  const [count] = shape(value) as readonly number[]
  const column = builder.add('Reshape', [value, builder.ints([count, 1])])
  const repeated = builder.add('Expand', [column, builder.ints([count, channels / count])])
  return builder.add('Reshape', [repeated, builder.ints([channels, ...space.map(() => 1)])])
}

const meanVarianceNormalization: Decomposition = {
  operator: 'MeanVarianceNormalization',
  // Whether 1e-9 is added to the variance or to its root is left to the runtime.
  coversRounding: false,
  decompose(node, { builder }) {
    const axes = node.attributes.get('axes')
    // The default axes include the batch.
    if (axes?.kind !== 'ints' || axes.value.includes(0)) return undefined
    return [emitStandardized(node.inputs[0], axes.value, 1e-9, builder)]
  },
}

const lpNormalization: Decomposition = {
  operator: 'LpNormalization',
  coversRounding: true,
  decompose(node, { builder }) {
    const [input] = node.inputs
    const axes = builder.ints([intAttribute(node, 'axis', -1)])
    if (intAttribute(node, 'p', 2) === 1) {
      return [builder.add('Div', [input, builder.add('ReduceSum', [builder.add('Abs', [input]), axes])])]
    }
    const squares = builder.add('ReduceSum', [builder.add('Pow', [input, builder.scalar(2)]), axes])
    return [builder.add('Div', [input, builder.add('Sqrt', [squares])])]
  },
}

export const normalizations: readonly Decomposition[] = [
  layerNormalization,
  rootMeanSquare('RMSNormalization'),
  rootMeanSquare('SimplifiedLayerNormalization'),
  instanceNormalization,
  groupNormalization,
  meanVarianceNormalization,
  lpNormalization,
]
