import { elementCount, type GraphNode, intAttribute, intsAttribute } from '../graph/graph.js'
import { emitTransposedConvolution } from './convolution.js'
import type { LinearRules, Operator, RuleContext } from './operator.js'
import { rowsOf, sampleShape } from './samples.js'
import { emitFromTaps, emitTaps } from './taps.js'
import { extent, type WindowGeometry, windowGeometry, windows } from './windows.js'

const average: LinearRules = {
  apply(node, [input], context) {
    const { builder } = context
    if (builder.precision === 'float32')
      return [builder.add('AveragePool', [input], Object.fromEntries(node.attributes))]
    const { channels, geometry } = describe(node, context)
    const { outputSizes, taps } = windows(geometry)
    const outputs = elementCount(outputSizes)
    const flat = builder.add('Reshape', [input, rowsOf([channels, elementCount(geometry.inputSizes)], builder)])
    const gathered = emitTaps(flat, 2, taps, [outputs, taps.length / outputs], builder)
    const sum = builder.add('ReduceSum', [gathered, builder.ints([3])], { keepdims: 0 })
    const shaped = builder.add('Reshape', [sum, rowsOf([channels, ...outputSizes], builder)])
    return [builder.add('Div', [shaped, divisors(node, geometry, context)])]
  },

  transpose(node, [gradient], context) {
    const { builder } = context
    const { channels, geometry } = describe(node, context)
    const { inputSizes, kernel } = geometry
    const shared = builder.add('Div', [gradient!, divisors(node, geometry, context)])
    const { outputSizes, taps } = windows(geometry)
    if (builder.precision === 'float32') {
      // Channels join the rows: one kernel of ones serves them all.
      const ones = builder.once(`ones ${kernel.join()}`, () =>
        builder.floats(new Float32Array(elementCount(kernel)).fill(1), [1, 1, ...kernel]),
      )
      const planes = builder.add('Reshape', [shared, builder.ints([-1, 1, ...outputSizes])])
      const convolution = { geometry, inputChannels: 1, outputChannels: 1, group: 1 }
      const spread = emitTransposedConvolution(planes, ones, undefined, convolution, builder)
      return [builder.add('Reshape', [spread, builder.ints([-1, channels, ...inputSizes])])]
    }
    const outputs = elementCount(outputSizes)
    const elements = elementCount(kernel)
    const flat = builder.add('Reshape', [shared, rowsOf([channels, outputs, 1], builder)])
    const repeated = builder.add('Expand', [flat, builder.ints([1, 1, 1, elements])])
    const perTap = builder.add('Reshape', [repeated, rowsOf([channels, outputs * elements], builder)])
    const spread = emitFromTaps(perTap, 2, taps, elementCount(inputSizes), builder)
    return [builder.add('Reshape', [spread, rowsOf([channels, ...inputSizes], builder)])]
  },

  // One more for the division.
  terms: (node) => elementCount(intsAttribute(node, 'kernel_shape')!) + 1,
}

function describe(node: GraphNode, context: RuleContext): { channels: number; geometry: WindowGeometry } {
  const [channels, ...inputSizes] = sampleShape(node.inputs[0], node, context)
  const kernel = intsAttribute(node, 'kernel_shape')!
  return { channels, geometry: windowGeometry(node, inputSizes, kernel, intAttribute(node, 'ceil_mode', 0) === 1) }
}

/** What each window's sum is divided by, over the output positions; a scalar where all are alike. */
function divisors(node: GraphNode, geometry: WindowGeometry, { builder }: RuleContext): string {
  const { inputSizes, kernel, strides, pads, dilations } = geometry
  const { outputSizes } = windows(geometry)
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
