import type { GraphBuilder } from '../graph/builder.js'
import { type GraphNode, intAttribute } from '../graph/graph.js'
import { axesFrom, type Decomposition, numbers } from './decomposition.js'

type Reduce = (operator: string, value: string) => string

/** Reductions by way of a sum; each gets the sum over the axes of its node. */
const parts: Record<string, (input: string, reduce: Reduce, builder: GraphBuilder) => string> = {
  ReduceL1: (input, reduce, builder) => reduce('ReduceSum', builder.add('Abs', [input])),
  ReduceL2: (input, reduce, builder) =>
    builder.add('Sqrt', [reduce('ReduceSum', builder.add('Pow', [input, builder.scalar(2)]))]),
  ReduceSumSquare: (input, reduce, builder) => reduce('ReduceSum', builder.add('Pow', [input, builder.scalar(2)])),
  ReduceLogSum: (input, reduce, builder) => builder.add('Log', [reduce('ReduceSum', input)]),
}

const bySum: readonly Decomposition[] = Object.entries(parts).map(([operator, emit]) => ({
  operator,
  coversRounding: true,
  decompose(node, { builder }) {
    const reduce: Reduce = (name, value) => emitReduction(name, value, node, builder)
    return [emit(node.inputs[0], reduce, builder)]
  },
}))

/** The same reduction of another value. */
function emitReduction(operator: string, value: string, node: GraphNode, builder: GraphBuilder): string {
  return builder.add(operator, [value, ...node.inputs.slice(1)], Object.fromEntries(node.attributes))
}

/** m + log Σ exp(x − m), with m the maximum. */
const logSumExp: Decomposition = {
  operator: 'ReduceLogSumExp',
  coversRounding: true,
  decompose(node, { builder }) {
    const kept = { ...node, attributes: new Map(node.attributes).set('keepdims', { kind: 'int' as const, value: 1 }) }
    const largest = emitReduction('ReduceMax', node.inputs[0], kept, builder)
    const powers = builder.add('Exp', [builder.add('Sub', [node.inputs[0], largest])])
    const logarithm = builder.add('Log', [emitReduction('ReduceSum', powers, kept, builder)])
    const sum = builder.add('Add', [logarithm, largest])
    return [intAttribute(node, 'keepdims', 1) ? sum : builder.add('Squeeze', [sum, node.inputs[1]])]
  },
}

/** (Σ |x|ᵖ)^(1/p) over an image. */
const globalLpPool: Decomposition = {
  operator: 'GlobalLpPool',
  coversRounding: true,
  decompose(node, { builder, shape }) {
    const p = intAttribute(node, 'p', 2)
    const axes = builder.ints(axesFrom(2, shape(node.inputs[0]).length))
    const powers = builder.add('Pow', [builder.add('Abs', [node.inputs[0]]), builder.scalar(p)])
    const sum = builder.add('ReduceSum', [powers, axes], { keepdims: 1 })
    return [builder.add('Pow', [sum, builder.scalar(1 / p)])]
  },
}

/** One axis after the other, the last one first, so that of equal elements the first in row-major order counts. */
const byAxis = (operator: string): Decomposition => ({
  operator,
  coversRounding: true,
  decompose(node, { builder, shape, constant }) {
    const [input, axesName] = node.inputs
    const rank = shape(input).length
    const given = axesName ? numbers(constant(axesName)) : []
    const axes = given?.map((axis) => (axis < 0 ? axis + rank : axis))
    if (axes?.length === 0 && intAttribute(node, 'noop_with_empty_axes', 0)) return [builder.add('Identity', [input])]
    if (!axes || axes.length < 2) return undefined
    const reduced = axes
      .toSorted((left, right) => right - left)
      .reduce((value, axis) => builder.add(operator, [value, builder.ints([axis])], { keepdims: 1 }), input)
    return [intAttribute(node, 'keepdims', 1) ? reduced : builder.add('Squeeze', [reduced, builder.ints(axes)])]
  },
})

export const reductions: readonly Decomposition[] = [
  byAxis('ReduceMax'),
  byAxis('ReduceMin'),
  ...bySum,
  logSumExp,
  globalLpPool,
]
