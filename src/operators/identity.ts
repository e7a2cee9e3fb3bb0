import type { LinearRules, Operator } from './operator.js'

const sameNumbers: LinearRules = {
  apply: (_node, [input]) => [input],
  transpose: (_node, [gradient]) => [gradient],
  terms: () => 1,
  fanOut: () => 1,
}

export const identity: Operator = { name: 'Identity', linear: () => sameNumbers }
