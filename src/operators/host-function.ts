import { NoGradientError, NoGraphError } from '../errors.js'
import { functionAttribute, stringAttribute } from '../graph/graph.js'
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
      if (!run) {
        throw new NoGradientError({
          model: stringAttribute(node, 'model', ''),
          reason: stringAttribute(node, 'withoutGradient', ''),
        })
      }
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
      throw new NoGraphError({
        method: 'A product with the Jacobian, rather than its transpose,',
        model: stringAttribute(node, 'model', ''),
        reason: stringAttribute(node, 'opaque', ''),
      })
    },
  },
}
