import type { GraphNode } from '../graph/graph.js'
import { asNumber } from './element-type.js'
import { monotone } from './monotone.js'
import type { Operator } from './operator.js'

/** y = x as far as gradients are concerned: the derivative, 0 almost everywhere, would stop every attack. */
const rounding = (name: string): Operator => ({
  name,
  derivative: { vjp: (_node, [gradient]) => [gradient], jvp: (_node, [tangent]) => [tangent!] },
  interval: monotone((input, { operator }, { builder }) => builder.add(operator, [input])),
})

/** As in binarised networks (Hubara et al. 2016), the gradient of sign(x) is that of min(max(x, −1), 1). */
const sign: Operator = {
  name: 'Sign',
  elementwise: {
    derivative: (node, { builder, value }) =>
      asNumber(builder.add('LessOrEqual', [builder.add('Abs', [value(node.inputs[0])]), builder.scalar(1)]), builder),
  },
  interval: monotone((input, _node, { builder }) => builder.add('Sign', [input])),
}

/** Operators that are constant almost everywhere, with straight-through gradients. */
export const steps: readonly Operator[] = [...['Round', 'Floor', 'Ceil'].map(rounding), sign]

export function isStep({ operator }: GraphNode): boolean {
  return steps.some(({ name }) => name === operator)
}
