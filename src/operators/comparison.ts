import type { DerivativeRules, Operator } from './operator.js'

/** Truth values do not change with small changes of the input. */
const flat: DerivativeRules = {
  vjp: (node) => node.inputs.map(() => undefined),
  jvp(node, _tangents, context) {
    const zero = context.builder.scalar(0)
    return [context.builder.add('Where', [context.rows(context.value(node.outputs[0])), zero, zero])]
  },
}

export const comparisons: readonly Operator[] = [
  'Equal',
  'Greater',
  'GreaterOrEqual',
  'Less',
  'LessOrEqual',
  'Not',
  'And',
  'Or',
  'Xor',
].map((name) => ({ name, derivative: flat }))
