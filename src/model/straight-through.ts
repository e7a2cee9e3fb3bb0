import { nodeLabel, type TypedGraph } from '../graph/graph.js'
import { isStep } from '../operators/steps.js'
import { findActivations } from '../passes/context.js'

/** Nodes that round values which depend on the input. */
function stepNodes(graph: TypedGraph) {
  const activations = findActivations(graph)
  return graph.nodes.filter((node) => isStep(node) && activations.has(node.inputs[0]))
}

export function hasSteps(graph: TypedGraph): boolean {
  return stepNodes(graph).length > 0
}

// A few steps of a grid of 256.
const usualDifference = 0.05

/**
 * Warnings where gradients are not derivatives. `difference` is that between the deployed outputs and those of the graph
 * that gradients are taken of, relative to the largest output.
 */
export function straightThroughWarnings(graph: TypedGraph, difference: number): string[] {
  const [first] = stepNodes(graph)
  if (!first) return []
  const { operator, ...node } = first.partOf ?? first
  const warning = `The model rounds values (${operator}, first at node ${nodeLabel({ operator, ...node })}), so that its derivative is 0 almost everywhere. Gradients pass straight through the rounding instead, which makes attacks that use them look weaker than they are: compare with square() or hopSkipJump().`
  if (!(difference > usualDifference)) return [warning]
  return [
    warning,
    `The quantised model as onnxruntime runs it differs by ${difference.toPrecision(2)} (relative) from the arithmetic that its file describes: integer kernels may saturate on CPUs without VNNI. Predictions and verdicts are about the run; gradients are about the file. Quantise the weights to 7 bits (reduce_range).`,
  ]
}
