import { elementCount, type GraphNode, intAttribute } from '../graph/graph.js'
import { coefficient, foldedRoundings } from './coefficient.js'
import {
  type Convolution,
  emitConvolution,
  emitTransposedConvolution,
  flippedConvolution,
  flipWeights,
} from './convolution.js'
import type { LinearRules, Operator, RuleContext } from './operator.js'
import { refuse } from './refuse.js'
import { sampleShape } from './samples.js'
import { windowGeometry, windowOutputSizes } from './windows.js'

const convolution: LinearRules = {
  apply(node, [input], context, { absolute, bias }) {
    const [, weight, constant] = node.inputs
    const offset = bias && constant ? coefficient(constant, absolute, context) : undefined
    return [
      emitConvolution(
        input,
        coefficient(weight, absolute, context),
        offset,
        describeConvolution(node, context),
        context.builder,
      ),
    ]
  },

  transpose(node, [gradient], context) {
    const { builder } = context
    const weight = node.inputs[1]
    const described = describeConvolution(node, context)
    const flipped = builder.precision === 'float32' ? flippedConvolution(described) : undefined
    if (flipped && isFasterFlipped(described)) {
      const name = builder.once(`flipped ${weight} ${described.group}`, () => {
        const { data, shape } = flipWeights(context.constant(weight)!, described.group)
        return builder.floats(data, shape)
      })
      return [emitConvolution(gradient!, name, undefined, flipped, builder)]
    }
    return [emitTransposedConvolution(gradient!, context.weight(weight), undefined, described, builder)]
  },

  terms(node, context) {
    const { data, shape } = context.constant(node.inputs[1])!
    return data.length / shape[0] + 1 + foldedRoundings
  },

  fanOut(node, context) {
    const { data, shape } = context.constant(node.inputs[1])!
    return data.length / shape[1] / intAttribute(node, 'group', 1)
  },
}

/** What a Conv node with constant weights convolves. */
export function describeConvolution(node: GraphNode, context: RuleContext): Convolution {
  const [channels, ...inputSizes] = sampleShape(node.inputs[0], node, context)
  const [outputChannels, , ...kernel] = context.constant(node.inputs[1])!.shape
  return {
    geometry: windowGeometry(node, inputSizes, kernel),
    inputChannels: channels,
    outputChannels,
    group: intAttribute(node, 'group', 1),
  }
}

/**
 * Measured on the CPU: a Conv beats ConvTranspose where its channels fill the blocks of the fast layout, and for
 * groups, unless most of what it computes is padding.
 */
function isFasterFlipped({ geometry, inputChannels, outputChannels, group }: Convolution): boolean {
  const fillsBlocks = inputChannels % 8 === 0 && outputChannels % 8 === 0
  const padding = elementCount(geometry.inputSizes) - elementCount(windowOutputSizes(geometry))
  return (group > 1 || fillsBlocks) && padding <= elementCount(geometry.inputSizes) / 3
}

export const conv = withConstantWeights('Conv', convolution)

/** An operator that is affine in its first input where its weights, the second one, are constant and its bias is none. */
export function withConstantWeights(name: string, rules: LinearRules): Operator {
  return {
    name,
    linear(node, context) {
      const [input, weight, bias] = node.inputs
      if (!context.isActivation(input) || !context.constant(weight) || (bias && context.isActivation(bias)))
        return undefined
      return rules
    },
    lower(node, inputs, context) {
      if (!context.constant(node.inputs[1])) refuse(node, 'it can be computed in float64 only with constant weights')
      return rules.apply(node, inputs, context, { absolute: false, bias: true })
    },
  }
}
