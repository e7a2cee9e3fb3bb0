import { nodeLabel, type TypedGraph } from '../graph/graph.js'
import { lastNode } from './last-node.js'

export const probabilityWarning =
  'The output looks like probabilities, not logits: gradients vanish where the model is confident, and attacks look weaker than they are. Export the model without its final activation.'

/** Whether every row of outputs [n, classes] sums to one, without negative numbers. */
export function areProbabilities(outputs: Float32Array, classes: number): boolean {
  for (let start = 0; start < outputs.length; start += classes) {
    const row = outputs.subarray(start, start + classes)
    const sum = row.reduce((total, value) => total + value, 0)
    if (Math.abs(sum - 1) > 1e-3 || row.some((value) => value < 0 || value > 1)) return false
  }
  return true
}

const squashing = new Set(['Sigmoid', 'HardSigmoid', 'Tanh', 'Softsign', 'Erf'])
/** Warnings where the logits come out of an activation of their own, such as the sigmoids of several scores. */
export function squashingWarnings(graph: TypedGraph): string[] {
  const last = lastNode(graph)
  if (!last || !squashing.has(last.operator)) return []
  return [
    `The logits are the outputs of ${last.operator} (node ${nodeLabel(last)}): where it saturates their gradients vanish, and the cross-entropy of numbers so close to one another says little, so that attacks look weaker than they are. Export the model without its final activation, or use loss: 'margin'.`,
  ]
}
