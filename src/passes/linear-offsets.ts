import { elementCount, type GraphNode } from '../graph/graph.js'
import type { Interval, LinearRules, RowContext, RuleContext } from '../operators/operator.js'
import { findOperator } from '../operators/registry.js'
import { valueShape } from '../operators/samples.js'
import { emitSizes } from './interval.js'

/**
 * What a linear node adds per sample besides W·x: its constant part, give or take the rounding errors of the model in
 * this node and of the step backwards through it. Undefined where that is nothing.
 */
export function emitOffsets(node: GraphNode, linear: LinearRules, context: RowContext): Interval[] | undefined {
  const { builder } = context
  const constants = mayAddConstant(node, context) ? emitConstants(node, context) : undefined
  const errors = emitErrors(node, linear, context)
  if (!errors) return constants && emitAlike(constants, node, context)
  return errors.map((error, index) => {
    if (!constants) return { lower: builder.add('Neg', [error]), upper: error }
    return {
      lower: builder.add('Sub', [constants[index], error]),
      upper: builder.add('Add', [constants[index], error]),
    }
  })
}

/** Rounding error of each output element, per sample; undefined where nothing rounds. */
function emitErrors(node: GraphNode, linear: LinearRules, context: RowContext): string[] | undefined {
  const { builder, rounding } = context
  if (rounding.mode === 'ignored') return undefined
  const terms = linear.terms(node, context)
  const fanOut = linear.fanOut?.(node, context) ?? outputCount(node, context)
  if (terms === 1 && fanOut === 1 && !mayAddConstant(node, context)) return undefined
  const { gamma } = rounding
  // The last factor covers the rounding of the sizes.
  const relative = (gamma(terms + 8) + gamma(fanOut + 8)) * (1 + gamma(terms + 8))
  const { samples } = context
  const whole = context.whole.node(node)
  return emitSizes(whole, linearRules(whole, samples), samples).map((size) =>
    builder.add('Add', [builder.add('Mul', [size, builder.scalar(relative)]), builder.scalar(rounding.underflow)]),
  )
}

/** Constant part of a linear node. onnxruntime folds it into a constant. */
function emitConstants(node: GraphNode, { builder, samples, whole: { node: wholeNode } }: RowContext): string[] {
  const whole = wholeNode(node)
  const zeros = whole.inputs.map((input) =>
    samples.isActivation(input)
      ? builder.add('Expand', [builder.scalar(0), builder.ints([1, ...valueShape(input, samples)])])
      : '',
  )
  return linearRules(whole, samples).apply(whole, zeros, samples, { absolute: false, bias: true })
}

function linearRules(node: GraphNode, context: RuleContext): LinearRules {
  return findOperator(node)!.linear!(node, context)!
}

/** Constants as intervals with a slice for each sample. */
function emitAlike(constants: readonly string[], node: GraphNode, { builder, samples, whole }: RowContext): Interval[] {
  const { inputs, outputs } = whole.node(node)
  const input = inputs.find((value) => samples.isActivation(value))!
  const count = builder.add('Shape', [samples.interval(input).lower], { start: 0, end: 1 })
  return constants.map((constant, index) => {
    const ones = valueShape(outputs[index], samples).map(() => 1)
    const shape = builder.add('Concat', [count, builder.ints(ones)], { axis: 0 })
    const alike = builder.add('Expand', [constant, shape])
    return { lower: alike, upper: alike }
  })
}

const factorsOnly = new Set(['MatMul', 'Mul', 'Div', 'Conv', 'ConvTranspose', 'Gemm'])

/** False where a node is seen to be homogeneous, which saves summing zeros. */
function mayAddConstant(node: GraphNode, context: RowContext): boolean {
  const operands = node.inputs.filter((input) => input !== '')
  if (factorsOnly.has(node.operator)) return operands.length > 2
  return operands.some((input) => {
    const type = context.graph.values.get(input)?.type
    return !context.isActivation(input) && (type === 'float32' || type === 'float64')
  })
}

function outputCount(node: GraphNode, context: RowContext): number {
  return node.outputs.map((output) => elementCount(valueShape(output, context))).reduce((sum, count) => sum + count, 0)
}
