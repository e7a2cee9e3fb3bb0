import type { GraphNode } from '../graph/graph.js'
import { reduceToShape, refuseMovedBatch, sumOf } from './broadcast.js'
import { identity } from './identity.js'
import { extremeInterval, extremeRelaxation } from './min-max-relaxation.js'
import type { DerivativeContext, DerivativeRules, Operator } from './operator.js'

/** Of several equal inputs the first counts. */
const selection: DerivativeRules = {
  vjp(node, [gradient], context) {
    const { builder, shape } = context
    const masks = firstExtremes(node, context)
    return node.inputs.map((input, index) => {
      if (!context.isActivation(input)) return undefined
      const flowing = builder.add('Where', [context.rows(masks[index]), gradient!, builder.scalar(0)])
      return reduceToShape(flowing, shape(node.outputs[0]), shape(input), context)
    })
  },

  jvp(node, tangents, context) {
    const { builder } = context
    const masks = firstExtremes(node, context)
    const parts = tangents.map(
      (tangent, index) => tangent && builder.add('Where', [context.rows(masks[index]), tangent, builder.scalar(0)]),
    )
    return [sumOf(parts, context)]
  },
}

/** For each input where it is the one that the output takes; in the shape of the output, one slice per sample. */
function firstExtremes(node: GraphNode, context: DerivativeContext): string[] {
  refuseMovedBatch(node, context)
  const { builder } = context
  const output = context.value(node.outputs[0])
  let taken: string | undefined
  return node.inputs.map((input) => {
    const value = context.isActivation(input) ? context.value(input) : context.weight(input)
    const equal = builder.add('Equal', [value, output])
    const mask = taken === undefined ? equal : builder.add('And', [equal, builder.add('Not', [taken])])
    taken = taken === undefined ? equal : builder.add('Or', [taken, equal])
    return mask
  })
}

const rules: Omit<Operator, 'name'> = {
  linear: (node, context) => (node.inputs.length === 1 ? identity.linear!(node, context) : undefined),
  derivative: selection,
  interval: extremeInterval,
  relaxation: extremeRelaxation,
}

export const min: Operator = { name: 'Min', ...rules }
export const max: Operator = { name: 'Max', ...rules }
