import { type GraphNode, intAttribute, intsAttribute } from '../graph/graph.js'
import { type FirstMaxima, firstMaxima, firstMaximaOfTiles } from './first-maxima.js'
import { emitKeepingNaN } from './keeping-nan.js'
import { maximumRelaxation } from './maximum-relaxation.js'
import { itself, monotone } from './monotone.js'
import type { DerivativeContext, IntervalContext, IntervalRule, Operator, RuleContext } from './operator.js'
import { refuse } from './refuse.js'
import { sampleShape } from './samples.js'
import { areTiles, type WindowGeometry, windowGeometry } from './windows.js'

/** Of several equal maxima in a window the first in row-major order counts. */
export const maxPool: Operator = {
  name: 'MaxPool',
  derivative: {
    vjp: (node, [gradient], context) => [selectMaxima(node, context).toInput(gradient!)],
    jvp: (node, [tangent], context) => [selectMaxima(node, context).toOutput(tangent!)],
  },
  interval: keepingNaN(itself),
  relaxation: maximumRelaxation(describe),
}

function keepingNaN(pick: (input: string, node: GraphNode, context: IntervalContext) => string): IntervalRule {
  return monotone((input, node, context) =>
    emitKeepingNaN(input, 'largest', (elements) => pick(elements, node, context), context),
  )
}

function describe(node: GraphNode, context: RuleContext): { channels: number; geometry: WindowGeometry } {
  const [input] = node.inputs
  const [, indices] = node.outputs
  if (indices && isUsed(indices, context)) refuse(node, 'its Indices output is used')
  const [channels, ...inputSizes] = sampleShape(input, node, context)
  const kernel = intsAttribute(node, 'kernel_shape')!
  const geometry = windowGeometry(node, inputSizes, kernel, intAttribute(node, 'ceil_mode', 0) === 1)
  return { channels, geometry }
}

function selectMaxima(node: GraphNode, context: DerivativeContext): FirstMaxima {
  const [input] = node.inputs
  const [output] = node.outputs
  const { channels, geometry } = describe(node, context)
  const [values, maxima] = [context.value(input), context.value(output)]
  // Resize has no float64 kernel.
  return areTiles(geometry) && context.builder.precision === 'float32'
    ? firstMaximaOfTiles(values, maxima, channels, geometry, context)
    : firstMaxima(values, maxima, channels, geometry, context)
}

function isUsed(value: string, { graph }: RuleContext): boolean {
  return graph.nodes.some(({ inputs }) => inputs.includes(value)) || graph.outputs.some(({ name }) => name === value)
}

/** A MaxPool with one window. */
export const globalMaxPool: Operator = {
  name: 'GlobalMaxPool',
  derivative: {
    vjp: (node, [gradient], context) => [selectGlobalMaxima(node, context).toInput(gradient!)],
    jvp: (node, [tangent], context) => [selectGlobalMaxima(node, context).toOutput(tangent!)],
  },

  interval: keepingNaN(largestOfChannels),
  relaxation: maximumRelaxation(describeGlobal),
  lower: (node, [input], context) => [largestOfChannels(input, node, context)],
}

function largestOfChannels(input: string, node: GraphNode, context: RuleContext): string {
  const axes = sampleShape(node.inputs[0], node, context).map((_, axis) => axis + 1)
  return context.builder.add('ReduceMax', [input, context.builder.ints(axes.slice(1))])
}

function selectGlobalMaxima(node: GraphNode, context: DerivativeContext): FirstMaxima {
  const { channels, geometry } = describeGlobal(node, context)
  const [values, maxima] = [context.value(node.inputs[0]), context.value(node.outputs[0])]
  return firstMaxima(values, maxima, channels, geometry, context)
}

function describeGlobal(node: GraphNode, context: RuleContext): { channels: number; geometry: WindowGeometry } {
  const [input] = node.inputs
  const [channels, ...inputSizes] = sampleShape(input, node, context)
  const ones = inputSizes.map(() => 1)
  const pads = inputSizes.flatMap(() => [0, 0])
  const geometry = { inputSizes, kernel: inputSizes, strides: ones, pads, dilations: ones, ceilMode: false }
  return { channels, geometry }
}
