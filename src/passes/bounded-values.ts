import { GraphBuilder } from '../graph/builder.js'
import type { TypedGraph } from '../graph/graph.js'
import { perGraph } from '../graph/per-graph.js'
import { findOperator } from '../operators/registry.js'
import { ruleContext } from './context.js'
import { isLinearInInput } from './linear-prefix.js'

/** Operators of two linear pieces each, which meet where the input is 0. */
export const unitOperators: ReadonlySet<string> = new Set(['Relu', 'LeakyRelu', 'PRelu'])

/**
 * What goes into operators that are not linear, in topological order. Where it comes out of an elementwise one, bounds
 * of what went into that are as good, but units are asked for theirs.
 */
export const nonlinearInputs = perGraph((graph): readonly string[] => {
  const context = ruleContext(graph, new GraphBuilder(graph.opset))
  const nonlinear = graph.nodes
    .filter(({ outputs }) => outputs.some((output) => context.isActivation(output)))
    .filter((node) => !findOperator(node)?.linear?.(node, context))
  const elementwise = new Set(
    nonlinear.filter((node) => findOperator(node)?.relaxation?.lines).flatMap(({ outputs }) => outputs),
  )
  const values = nonlinear.flatMap(({ operator, inputs }) =>
    inputs
      .filter((input) => context.isActivation(input))
      .filter((input) => !elementwise.has(input) || unitOperators.has(operator)),
  )
  return [...new Set(values)]
})

/** Values that depend linearly on the input while something made of them does not, in topological order. */
export function lastLinearValues(graph: TypedGraph): string[] {
  const context = ruleContext(graph, new GraphBuilder(graph.opset))
  const isLinear = (value: string) => isLinearInInput(value, graph)
  const nonlinear = graph.nodes.filter(({ outputs }) =>
    outputs.some((output) => context.isActivation(output) && !isLinear(output)),
  )
  const values = nonlinear.flatMap(({ inputs }) => inputs.filter((input) => context.isActivation(input)))
  return [...new Set(values)].filter((value) => value !== graph.inputs[0].name && isLinear(value))
}
