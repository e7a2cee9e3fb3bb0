import { type GraphNode, intAttribute, intsAttribute, stringAttribute } from '../graph/graph.js'
import { coefficient, foldedRoundings } from './coefficient.js'
import { withConstantWeights } from './conv.js'
import { type Convolution, emitConvolution, emitTransposedConvolution } from './convolution.js'
import type { LinearRules, RuleContext } from './operator.js'
import { refuse } from './refuse.js'
import { sampleShape } from './samples.js'
import { extent, splitPads } from './windows.js'

const transposedConvolution: LinearRules = {
  apply(node, [input], context, { absolute, bias }) {
    const [, weight, constant] = node.inputs
    const offset = bias && constant ? coefficient(constant, absolute, context) : undefined
    const scaled = coefficient(weight, absolute, context)
    return [
      emitTransposedConvolution(input, scaled, offset, describeTransposedConvolution(node, context), context.builder),
    ]
  },

  transpose(node, [gradient], context) {
    const weight = context.weight(node.inputs[1])
    return [
      emitConvolution(gradient!, weight, undefined, describeTransposedConvolution(node, context), context.builder),
    ]
  },

  terms(node, context) {
    const { data, shape } = context.constant(node.inputs[1])!
    return data.length / shape[1] + 1 + foldedRoundings
  },

  fanOut(node, context) {
    const { data, shape } = context.constant(node.inputs[1])!
    return data.length / shape[0]
  },
}

/** The convolution that a ConvTranspose node with constant weights is the transpose of. */
export function describeTransposedConvolution(node: GraphNode, context: RuleContext): Convolution {
  const [outputChannels, ...smaller] = sampleShape(node.inputs[0], node, context)
  const [inputChannels, ...larger] = sampleShape(node.outputs[0], node, context)
  const kernel = context.constant(node.inputs[1])!.shape.slice(2)
  const strides = intsAttribute(node, 'strides') ?? kernel.map(() => 1)
  const dilations = intsAttribute(node, 'dilations') ?? kernel.map(() => 1)
  const outputPadding = intsAttribute(node, 'output_padding') ?? kernel.map(() => 0)
  if (outputPadding.some((size, axis) => size >= strides[axis])) {
    refuse(node, 'its output padding is not smaller than its stride')
  }
  const mode = stringAttribute(node, 'auto_pad', 'NOTSET')
  const given = mode === 'NOTSET' && !intsAttribute(node, 'output_shape')
  const totals = kernel.map((size, axis) => {
    const full = (smaller[axis] - 1) * strides[axis] + outputPadding[axis] + extent(size, dilations[axis])
    return full - larger[axis]
  })
  const pads = given ? (intsAttribute(node, 'pads') ?? kernel.flatMap(() => [0, 0])) : splitPads(totals, mode)
  if (pads.some((pad) => pad < 0)) refuse(node, 'its output is larger than its windows reach')
  const geometry = { inputSizes: larger, kernel, strides, pads, dilations, ceilMode: false }
  return { geometry, inputChannels, outputChannels, group: intAttribute(node, 'group', 1) }
}

export const convTranspose = withConstantWeights('ConvTranspose', transposedConvolution)
