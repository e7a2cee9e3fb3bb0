import { GraphBuilder } from '../graph/builder.js'
import { featureShape, type Graph, type GraphNode, type TypedGraph } from '../graph/graph.js'
import { findOperator } from '../operators/registry.js'
import { carryBack } from './carry-back.js'
import { ruleContext } from './context.js'
import { emitSeed } from './seed.js'

/** The input of a graph that says which units of a value are on, and the output with coefficients over the others. */
export const onName = (value: string) => `on ${value}`
export const overName = (value: string) => `over ${value}`

/**
 * A graph, in float64, of the affine functions that are between units (Relu, LeakyRelu, PRelu): what a unit makes of its
 * input p is slope · p + (1 − slope) · max(p, 0), where max(p, 0) is taken to be p for units that are on, those of
 * {@link onName} 1 (the others 0), and a variable of its own for all others. For rows of `target`, its elements at flat position `plus` less
 * those at `minus` (−1: none), it gives `coefficients` [rows, …] over the model's input, {@link overName} [rows, …] over
 * the variables of each unit, and the `value` [1, …] of the target at the given input where all variables are 0.
 */
export function betweenUnitsGraph(graph: TypedGraph, target: string, unitNodes: readonly GraphNode[]): Graph {
  const builder = new GraphBuilder(graph.opset, 'float64')
  const context = ruleContext(graph, builder)
  const shapeOf = (value: string) => featureShape(context.shape(value))!
  const [plus, minus] = ['plus', 'minus'].map((name) => builder.input(name, 'int32', ['rows']))
  const [{ name: input }] = graph.inputs
  builder.input(input, 'float64', [1, ...shapeOf(input)])
  const below = (value: string) => builder.add('Expand', [builder.scalar(-1), builder.ints([1, ...shapeOf(value)])])
  const units = new Map(
    unitNodes.map((node) => {
      const [value] = node.inputs
      const on = builder.once(onName(value), () => builder.input(onName(value), 'float64', [1, ...shapeOf(value)]))
      const slope = findOperator(node)!.elementwise!.derivative(node, {
        ...context,
        value: below,
        rows: (sliced) => sliced,
      })
      const rise = builder.add('Sub', [builder.scalar(1), slope])
      return [node, { rise, slope: builder.add('Add', [slope, builder.add('Mul', [rise, on])]) }] as const
    }),
  )

  const forward = new Map([[input, input]])
  for (const node of graph.nodes) {
    if (!node.outputs.some((output) => context.isActivation(output))) continue
    const inputs = node.inputs.map((value) => forward.get(value) ?? '')
    const unit = units.get(node)
    const outputs = unit
      ? [builder.add('Mul', [inputs[0], unit.slope])]
      : findOperator(node)!.linear!(node, context)!.apply(node, inputs, context, { absolute: false, bias: true })
    outputs.forEach((output, index) => forward.set(node.outputs[index], output))
    if (forward.has(target)) break
  }
  builder.output('value', forward.get(target)!)

  const seeds = new Map([[target, emitSeed(plus, minus, shapeOf(target), builder)]])
  const over = new Map<string, string>()
  const coefficients = carryBack(graph, seeds, context, (node, outputs) => {
    const unit = units.get(node)
    if (!unit) return findOperator(node)!.linear!(node, context)!.transpose(node, outputs, context)
    const [value] = node.inputs
    const variable = builder.add('Mul', [outputs[0]!, unit.rise])
    const known = over.get(value)
    over.set(value, known === undefined ? variable : builder.add('Add', [known, variable]))
    return [builder.add('Mul', [outputs[0]!, unit.slope])]
  })
  builder.output('coefficients', coefficients.get(input)!)
  for (const [value, ofVariables] of over) builder.output(overName(value), ofVariables)
  return builder.build()
}
