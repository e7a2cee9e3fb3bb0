import type { LinearRules, Operator } from './operator.js'

const negation: LinearRules = {
  apply: (_node, [input], { builder }, { absolute }) => [absolute ? input : builder.add('Neg', [input])],
  transpose: (_node, [gradient], { builder }) => [builder.add('Neg', [gradient!])],
  // Exact, but not only a move: the sign changes.
  terms: () => 2,
  fanOut: () => 1,
}

export const neg: Operator = { name: 'Neg', linear: () => negation }
