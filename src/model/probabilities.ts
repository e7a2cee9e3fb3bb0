import { type GraphNode, nodeLabel, type TypedGraph } from '../graph/graph.js'
import { lastNode } from './last-node.js'

const probabilityWarning =
  'The output looks like probabilities, not logits: gradients vanish where the model is confident, and attacks look weaker than they are. Export the model without its final activation.'

/** What to say of a single score that nothing tells to be a logit: 0 is where the two classes meet. */
const scoreWarning =
  'The single score lies between 0 and 1, as a probability does, and class 1 is predicted wherever it is above 0. Export the model with the score that goes into its final activation.'

/** A warning of outputs [n, width] that look like probabilities, of classes or, where there is one per sample, of class 1. */
export function probabilityWarnings(outputs: Float32Array, width: number): string[] {
  if (width === 1) return outputs.every((score) => score >= 0 && score <= 1) ? [scoreWarning] : []
  return areProbabilities(outputs, width) ? [probabilityWarning] : []
}

/** Whether every row of outputs [n, classes] sums to one, without negative numbers. */
function areProbabilities(outputs: Float32Array, classes: number): boolean {
  for (let start = 0; start < outputs.length; start += classes) {
    const row = outputs.subarray(start, start + classes)
    const sum = row.reduce((total, value) => total + value, 0)
    if (Math.abs(sum - 1) > 1e-3 || row.some((value) => value < 0 || value > 1)) return false
  }
  return true
}

const squashing = new Set(['Sigmoid', 'HardSigmoid', 'Tanh', 'Softsign', 'Erf'])
/** What gives logits another scale or offset, where one of the two operands is constant. */
const scaling = new Set(['Mul', 'Div', 'Add', 'Sub', 'Neg'])

/** Warnings where the logits come out of an activation of their own, such as the sigmoids of several scores. */
export function activationWarnings(graph: TypedGraph): string[] {
  const last = lastActivation(graph)
  if (!last) return []
  const outputs = `The logits are the outputs of ${last.operator} (node ${nodeLabel(last)})`
  if (last.operator === 'Exp') {
    return [
      `${outputs}: next to the gradient of a large one those of all others count for nothing, so that attacks that close the margin step by step, such as deepFool, ddn and carliniWagner, look weaker than they are. Export the model without its final activation.`,
    ]
  }
  if (!squashing.has(last.operator)) return []
  return [
    `${outputs}: where it saturates their gradients vanish, so that attacks look weaker than they are. Export the model without its final activation, or use loss: 'margin'.`,
  ]
}

/** The last node, but for those that give logits another shape, scale or offset. */
function lastActivation(graph: TypedGraph): GraphNode | undefined {
  const last = lastNode(graph)
  if (!last || !scaling.has(last.operator)) return last
  const varying = last.inputs.filter((input) => !graph.constants.has(input))
  return varying.length === 1 ? lastActivation({ ...graph, outputs: [{ name: varying[0] }] }) : last
}
