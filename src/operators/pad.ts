import { type GraphNode, stringAttribute } from '../graph/graph.js'
import { coefficient, constantInts } from './coefficient.js'
import type { LinearRules, Operator, RuleContext } from './operator.js'
import { refuse } from './refuse.js'
import { sampleAxis, sampleShape } from './samples.js'
import { emitSelectionTranspose } from './selection.js'

const padding: LinearRules = {
  apply(node, [input], context, { absolute, bias }) {
    const [, pads, value, axes] = node.inputs
    const filling = bias && value ? coefficient(value, absolute, context) : ''
    const mode = stringAttribute(node, 'mode', 'constant')
    const inputs = [input, context.weight(pads), filling, axes ? context.weight(axes) : '']
    return [context.builder.add('Pad', inputs, { mode })]
  },

  transpose(node, [gradient], context) {
    let summed = gradient!
    for (const { axis, picked, size } of selections(node, context)) {
      summed = emitSelectionTranspose(summed, axis, picked, size, context.builder)
    }
    return [summed]
  },

  terms: () => 1,
}

/** Which input position each position of the padded axes shows, −1 for the constant. */
function selections(node: GraphNode, context: RuleContext) {
  const shape = sampleShape(node.inputs[0], node, context)
  const mode = stringAttribute(node, 'mode', 'constant')
  const rank = shape.length + 1
  const pads = constantInts(node.inputs[1], context) ?? refuse(node, 'its pads are not constant')
  const axes = constantInts(node.inputs[3], context) ?? Array.from({ length: rank }, (_, axis) => axis)
  const padded = axes
    .map((axis, index) => ({ axis, start: pads[index], end: pads[index + axes.length] }))
    .filter(({ start, end }) => start !== 0 || end !== 0)
  return padded.map(({ axis: given, start, end }) => {
    if (mode !== 'constant' && (start < 0 || end < 0)) refuse(node, `it crops in ${mode} mode`)
    const axis = sampleAxis(given, rank, node)
    const size = shape[axis - 1]
    const picked = Array.from({ length: start + size + end }, (_, position) => source(position - start, size, mode))
    return { axis, picked, size }
  })
}

function source(position: number, size: number, mode: string): number {
  if (position >= 0 && position < size) return position
  if (mode === 'constant') return -1
  if (mode === 'edge') return position < 0 ? 0 : size - 1
  if (mode === 'wrap') return ((position % size) + size) % size
  return position < 0 ? -position : 2 * (size - 1) - position
}

export const pad: Operator = {
  name: 'Pad',
  linear: (node, context) => (node.inputs.slice(1).some((input) => context.isActivation(input)) ? undefined : padding),
}
