import { NoGradientError } from '../errors.js'
import { functionAttribute, type GraphNode, stringAttribute } from '../graph/graph.js'
import type { Operator } from './operator.js'

/** Domain of nodes that run in JavaScript. */
export const hostDomain = 'unfooled.host'

/**
 * A function in JavaScript of one input, the attribute `run`. The attribute `gradient`, if there is one, is the function
 * from inputs and gradients of the output, both with one slice per row, to gradients of the input; `withoutGradient`
 * says why there is none, `opaque` why no more is known of the function, and `model` whose it is.
 */
export const hostFunction: Operator = {
  name: 'HostFunction',
  derivative: {
    vjp(node, [gradient], context) {
      const run = functionAttribute(node, 'gradient')
      if (!run) throw noGradient(node)
      const output = context.builder.fresh()
      const inputs = [context.rows(context.value(node.inputs[0])), gradient!]
      context.builder.node({
        ...node,
        inputs,
        outputs: [output],
        attributes: new Map([['run', { kind: 'function', value: run }]]),
      })
      return [output]
    },
    jvp(node) {
      throw noGradient(node)
    },
  },
}

function noGradient(node: GraphNode): NoGradientError {
  return new NoGradientError({
    model: stringAttribute(node, 'model', ''),
    reason: stringAttribute(node, 'withoutGradient', ''),
  })
}
