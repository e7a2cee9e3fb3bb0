import { type GraphNode, stringAttribute } from '../graph/graph.js'
import { coefficient, constantInts } from './coefficient.js'
import type { LinearRules, Operator, RuleContext } from './operator.js'
import { refuse } from './refuse.js'
import { sampleAxis, sampleShape } from './samples.js'
import { emitSelectionTranspose } from './selection.js'

const padding: LinearRules = {
  apply(node, [input], context, { absolute, bias }) {
    const { builder } = context
    const rank = context.shape(node.inputs[0]).length
    // For all axes: see padAxis.
    const pads = new Array<number>(2 * rank).fill(0)
    for (const { axis, start, end } of axisPads(node, context)) {
      pads[axis] = start
      pads[axis + rank] = end
    }
    const value = node.inputs[2]
    const filling = bias && value ? [coefficient(value, absolute, context)] : []
    return [builder.add('Pad', [input, builder.ints(pads), ...filling], { mode: padMode(node) })]
  },

  transpose(node, [gradient], context) {
    const rank = context.shape(node.inputs[0]).length
    let summed = gradient!
    for (const { axis, picked, size } of selections(node, context)) {
      summed = emitSelectionTranspose(summed, axis, rank, picked, size, context.builder)
    }
    return [summed]
  },

  terms: () => 1,
}

/** The axes that are padded or cropped, and by how much. */
function axisPads(node: GraphNode, context: RuleContext) {
  const rank = sampleShape(node.inputs[0], node, context).length + 1
  const mode = padMode(node)
  if (mode === 'wrap') refuse(node, 'it pads in wrap mode')
  const pads = constantInts(node.inputs[1], context) ?? refuse(node, 'its pads are not constant')
  const axes = constantInts(node.inputs[3], context) ?? Array.from({ length: rank }, (_, axis) => axis)
  if (mode !== 'constant' && pads.some((size) => size < 0)) refuse(node, `it crops in ${mode} mode`)
  return axes
    .map((axis, index) => ({ axis, start: pads[index], end: pads[index + axes.length] }))
    .filter(({ start, end }) => start !== 0 || end !== 0)
    .map((padded) => ({ ...padded, axis: sampleAxis(padded.axis, rank, node) }))
}

/** Which input position each position of the padded axes shows, −1 for the constant. */
function selections(node: GraphNode, context: RuleContext) {
  const shape = sampleShape(node.inputs[0], node, context)
  return axisPads(node, context).map(({ axis, start, end }) => {
    const size = shape[axis - 1]
    const positions = Array.from({ length: start + size + end }, (_, position) => position - start)
    return { axis, picked: positions.map((position) => source(position, size, padMode(node))), size }
  })
}

function padMode(node: GraphNode): string {
  return stringAttribute(node, 'mode', 'constant')
}

function source(position: number, size: number, mode: string): number {
  if (position >= 0 && position < size) return position
  if (mode === 'constant') return -1
  if (mode === 'edge') return position < 0 ? 0 : size - 1
  return position < 0 ? -position : 2 * (size - 1) - position
}

export const pad: Operator = {
  name: 'Pad',
  linear: (node, context) => (node.inputs.slice(1).some((input) => context.isActivation(input)) ? undefined : padding),
}
