import { intTensor } from '../graph/builder.js'
import { type GraphNode, intAttribute } from '../graph/graph.js'
import { constantInts } from './coefficient.js'
import { asNumber } from './element-type.js'
import { emitKeepingNaN } from './keeping-nan.js'
import { monotone } from './monotone.js'
import type { DerivativeContext, Operator, RuleContext } from './operator.js'
import { refuse } from './refuse.js'
import { sampleAxis, sampleShape } from './samples.js'

/** Largest or smallest element along one axis. Of several equal ones the first counts. */
const extreme = (name: 'ReduceMax' | 'ReduceMin'): Operator => ({
  name,
  derivative: {
    vjp(node, [gradient], context) {
      const { builder } = context
      const axis = axisOf(node, context)
      const isKept = intAttribute(node, 'keepdims', 1) !== 0
      const aligned = isKept ? gradient! : builder.add('Unsqueeze', [gradient!, builder.ints([axis])])
      return [builder.add('Mul', [aligned, context.rows(emitFirst(name, node, context))])]
    },

    jvp(node, [tangent], context) {
      const { builder } = context
      const taken = builder.add('Mul', [tangent!, context.rows(emitFirst(name, node, context))])
      const keepdims = intAttribute(node, 'keepdims', 1)
      return [builder.add('ReduceSum', [taken, builder.ints([axisOf(node, context)])], { keepdims })]
    },
  },
  interval: monotone((input, node, context) => {
    const { builder } = context
    const axes = builder.ints([axisOf(node, context)])
    const keepdims = intAttribute(node, 'keepdims', 1)
    const pick = (elements: string) => builder.add(name, [elements, axes], { keepdims })
    return emitKeepingNaN(input, name === 'ReduceMax' ? 'largest' : 'smallest', pick, context)
  }),
})

/** 1 at the element that the output takes, 0 elsewhere. */
function emitFirst(name: string, node: GraphNode, context: DerivativeContext): string {
  const { builder } = context
  const axis = axisOf(node, context)
  const sizes = sampleShape(node.inputs[0], node, context)
  const [operator, input] = [name.replace('Reduce', 'Arg'), context.value(node.inputs[0])]
  const first = builder.add(operator, [input], { axis, keepdims: 1, select_last_index: 0 })
  const count = sizes[axis - 1]
  const positions = intTensor(
    Array.from({ length: count }, (_, index) => index),
    [count, ...sizes.slice(axis).map(() => 1)],
  )
  return asNumber(builder.add('Equal', [first, builder.constant(positions)]), builder)
}

function axisOf(node: GraphNode, context: RuleContext): number {
  const rank = sampleShape(node.inputs[0], node, context).length + 1
  const axes = constantInts(node.inputs[1], context) ?? refuse(node, 'its axes are not constant')
  return axes.length === 1 ? sampleAxis(axes[0], rank, node) : refuse(node, 'it works along the batch axis')
}

export const reduceMax = extreme('ReduceMax')
export const reduceMin = extreme('ReduceMin')
