import type { GraphBuilder } from '../graph/builder.js'
import { elementCount, type GraphNode, intAttribute, intsAttribute } from '../graph/graph.js'
import { type Convolution, emitConvolution, emitTransposedConvolution } from './convolution.js'
import type { LinearRules, Operator, RuleContext } from './operator.js'
import { sampleShape } from './samples.js'
import { extent, type WindowGeometry, windowGeometry, windowOutputSizes } from './windows.js'

const average: LinearRules = {
  apply(node, [input], context) {
    const { builder } = context
    if (builder.precision === 'float32') {
      return [builder.add('AveragePool', [input], Object.fromEntries(node.attributes))]
    }
    const { geometry } = describe(node, context).convolution
    return [builder.add('Div', [emitWindowSums(node, input, context), divisors(node, geometry, builder)])]
  },

  transpose(node, [gradient], context) {
    const { builder } = context
    const { geometry } = describe(node, context).convolution
    return [emitWindowSpread(node, builder.add('Div', [gradient!, divisors(node, geometry, builder)]), context)]
  },

  // One more for the division.
  terms: (node) => elementCount(intsAttribute(node, 'kernel_shape')!) + 1,
  fanOut: (node) => elementCount(intsAttribute(node, 'kernel_shape')!) + 1,
}

/** The sum of each window of a pooling node. */
export function emitWindowSums(node: GraphNode, value: string, context: RuleContext): string {
  const { builder } = context
  const { channels, convolution } = describe(node, context)
  const { geometry } = convolution
  const planes = builder.add('Reshape', [value, builder.ints([-1, 1, ...geometry.inputSizes])])
  const sums = emitConvolution(planes, ones(geometry, builder), undefined, convolution, builder)
  return builder.add('Reshape', [sums, builder.ints([-1, channels, ...windowOutputSizes(geometry)])])
}

/** The transpose of {@link emitWindowSums}: the sum over all windows that an element is in. */
export function emitWindowSpread(node: GraphNode, perWindow: string, context: RuleContext): string {
  const { builder } = context
  const { channels, convolution } = describe(node, context)
  const { geometry } = convolution
  const planes = builder.add('Reshape', [perWindow, builder.ints([-1, 1, ...windowOutputSizes(geometry)])])
  const spread = emitTransposedConvolution(planes, ones(geometry, builder), undefined, convolution, builder)
  return builder.add('Reshape', [spread, builder.ints([-1, channels, ...geometry.inputSizes])])
}

/** The sum over the windows as a convolution of one channel: channels join the rows, one kernel of ones serves all. */
function describe(node: GraphNode, context: RuleContext): { channels: number; convolution: Convolution } {
  const [channels, ...inputSizes] = sampleShape(node.inputs[0], node, context)
  const kernel = intsAttribute(node, 'kernel_shape')!
  const geometry = windowGeometry(node, inputSizes, kernel, intAttribute(node, 'ceil_mode', 0) === 1)
  return { channels, convolution: { geometry, inputChannels: 1, outputChannels: 1, group: 1 } }
}

function ones({ kernel }: WindowGeometry, builder: GraphBuilder): string {
  return builder.once(`ones ${kernel.join()}`, () =>
    builder.floats(new Float32Array(elementCount(kernel)).fill(1), [1, 1, ...kernel]),
  )
}

/** What each window's sum is divided by, over the output positions; a scalar where all are alike. */
function divisors(node: GraphNode, geometry: WindowGeometry, builder: GraphBuilder): string {
  const { inputSizes, kernel, strides, pads, dilations } = geometry
  const outputSizes = windowOutputSizes(geometry)
  const countsPads = intAttribute(node, 'count_include_pad', 0) === 1
  const perAxis = outputSizes.map((outputs, axis) => {
    const [from, to] = countsPads
      ? [-pads[axis], inputSizes[axis] + pads[axis + inputSizes.length]]
      : [0, inputSizes[axis]]
    return Array.from({ length: outputs }, (_, output) => {
      const start = output * strides[axis] - pads[axis]
      let count = 0
      for (let tap = start; tap < start + extent(kernel[axis], dilations[axis]); tap += dilations[axis]) {
        if (tap >= from && tap < to) count++
      }
      return count
    })
  })
  const counts = perAxis.reduce((outer, inner) => outer.flatMap((left) => inner.map((right) => left * right)), [1])
  if (counts.every((count) => count === counts[0])) return builder.scalar(counts[0])
  return builder.floats(counts, outputSizes)
}

export const averagePool: Operator = {
  name: 'AveragePool',
  linear: () => average,
  lower: (node, inputs, context) => average.apply(node, inputs, context, { absolute: false, bias: true }),
}
