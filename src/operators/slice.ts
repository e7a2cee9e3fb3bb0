import type { GraphNode } from '../graph/graph.js'
import { constantInts } from './coefficient.js'
import type { LinearRules, Operator, RuleContext } from './operator.js'
import { refuse } from './refuse.js'
import { sampleAxis, sampleShape } from './samples.js'
import { emitSelectionTranspose } from './selection.js'

const slicing: LinearRules = {
  apply(node, [input], context) {
    const bounds = node.inputs.slice(1).map((value) => value && context.weight(value))
    return [context.builder.add('Slice', [input, ...bounds])]
  },

  transpose(node, [gradient], context) {
    const rank = context.shape(node.inputs[0]).length
    let spread = gradient!
    for (const { axis, picked, size } of selections(node, context)) {
      spread = emitSelectionTranspose(spread, axis, rank, picked, size, context.builder)
    }
    return [spread]
  },

  terms: () => 1,
  fanOut: () => 1,
}

/** The positions that the slice picks along each of its axes. */
function selections(node: GraphNode, context: RuleContext) {
  const shape = sampleShape(node.inputs[0], node, context)
  const [starts, ends, axes, steps] = node.inputs.slice(1).map((value) => constantInts(value, context))
  if (!starts || !ends) return refuse(node, 'its bounds are not constant')
  const sliced = starts.map((start, index) => ({
    start,
    end: ends[index],
    axis: axes?.[index] ?? index,
    step: steps?.[index] ?? 1,
  }))
  return sliced
    .filter((one) => !keepsAll(one))
    .map(({ start, end: given, axis: counted, step }) => {
      const axis = sampleAxis(counted, shape.length + 1, node)
      const size = shape[axis - 1]
      const bound = (position: number) => {
        const counted = position < 0 ? position + size : position
        return step > 0 ? Math.min(Math.max(counted, 0), size) : Math.min(Math.max(counted, -1), size - 1)
      }
      const end = bound(given)
      const picked: number[] = []
      for (let position = bound(start); step > 0 ? position < end : position > end; position += step)
        picked.push(position)
      return { axis, picked, size }
    })
}

/** Exporters write x[:, 1:] with a slice of the batch axis that leaves it whole. */
function keepsAll({ start, end, step }: { start: number; end: number; step: number }): boolean {
  return start === 0 && step === 1 && end >= 2 ** 31 - 1
}

export const slice: Operator = {
  name: 'Slice',
  linear: (node, context) => (node.inputs.slice(1).some((input) => context.isActivation(input)) ? undefined : slicing),
}
