import type { GraphNode, TypedGraph } from '../graph/graph.js'
import type { LinearRules, RelaxationContext } from '../operators/operator.js'
import { findOperator } from '../operators/registry.js'
import { sampleShape } from '../operators/samples.js'
import { emitMagnitude, emitSizes, noBoundRule } from './interval.js'
import { emitBoxMinimum } from './row-sums.js'

/** Where the linear functions stop: at the model's input, or already at the outputs of the last nonlinear operators. */
export type Frontier = 'input' | 'last nonlinear outputs'

/**
 * CROWN (Zhang et al. 2018, Algorithm 1), any graph: carries one linear function per row, whose coefficients over a
 * value of the graph are `seed`, back to the frontier, and returns a lower bound of each over all inputs that the
 * intervals of the context allow. `minimize` does the last step at the input: a lower bound of each row's linear
 * function there.
 */
export function emitRelaxation(
  graph: TypedGraph,
  target: string,
  seed: string,
  context: RelaxationContext,
  minimize: (coefficients: string) => string,
  frontier: Frontier = 'input',
): string {
  const { builder, rounding } = context
  const gradients = new Map([[target, seed]])
  const summands: string[] = []

  const accumulate = (value: string, gradient: string) => {
    const known = gradients.get(value)
    if (known === undefined) {
      gradients.set(value, gradient)
      return
    }
    const total = builder.add('Add', [known, gradient])
    gradients.set(value, total)
    if (rounding.mode === 'covered') {
      const error = scaled(emitMagnitude(value, context), rounding.gamma(8), context)
      summands.push(emitCharge(total, error, valueShape(value, context), context))
    }
  }

  for (const node of graph.nodes.toReversed()) {
    const outputs = node.outputs.map((output) => gradients.get(output))
    if (outputs.every((gradient) => gradient === undefined)) continue
    const linear = findOperator(node)?.linear?.(node, context)
    if (linear) {
      summands.push(...emitConstantParts(node, linear, outputs, context))
      linear.transpose(node, outputs, context).forEach((gradient, index) => {
        const input = node.inputs[index]
        if (gradient !== undefined && context.isActivation(input)) accumulate(input, gradient)
      })
      continue
    }
    const [output] = node.outputs
    if (frontier === 'last nonlinear outputs') {
      summands.push(emitBoxMinimum(outputs[0]!, context.interval(output), valueShape(output, context), context))
      continue
    }
    const rules = findOperator(node)?.relaxation
    if (!rules) throw noBoundRule(node)
    const { gradient, constant } = rules.backward(node, outputs[0]!, context)
    if (constant !== undefined) summands.push(constant)
    accumulate(node.inputs[0], gradient)
  }
  const atInput = gradients.get(graph.inputs[0].name)
  if (atInput !== undefined) summands.push(minimize(atInput))
  const total = summands.length > 0 ? summands.reduce((sum, part) => builder.add('Add', [sum, part])) : undefined
  const bound = total ?? emitZeros(seed, context)
  return rounding.mode === 'covered' ? builder.add('Sub', [bound, emitUnderflow(gradients.keys(), context)]) : bound
}

/**
 * What a linear node adds to the rows: its constant part, less the rounding errors of the model in this node and of
 * the step backwards through it.
 */
function emitConstantParts(
  node: GraphNode,
  linear: LinearRules,
  gradients: readonly (string | undefined)[],
  context: RelaxationContext,
): string[] {
  const constants = mayAddConstant(node, context) ? emitConstants(node, linear, false, context) : undefined
  const errors = emitErrors(node, linear, context)
  return gradients.flatMap((gradient, index) => {
    if (gradient === undefined) return []
    const shape = valueShape(node.outputs[index], context)
    const parts: string[] = []
    if (constants) parts.push(context.sum(context.builder.add('Mul', [gradient, constants[index]]), shape))
    if (errors) parts.push(emitCharge(gradient, errors[index], shape, context))
    return parts
  })
}

/** Rounding error of each output element, per sample; undefined where nothing rounds. */
function emitErrors(node: GraphNode, linear: LinearRules, context: RelaxationContext): string[] | undefined {
  const { builder, rounding } = context
  const terms = linear.terms(node, context)
  const fanOut = linear.fanOut?.(node, context) ?? outputCount(node, context)
  if (rounding.mode === 'ignored') return undefined
  const hasConstant = mayAddConstant(node, context)
  if (terms === 1 && fanOut === 1 && !hasConstant) return undefined
  const { gamma } = rounding
  const sizes = emitSizes(node, linear, context)
  const constants = hasConstant ? emitConstants(node, linear, true, context) : undefined
  return sizes.map((size, index) => {
    const sums = context.sumRoundings(valueShape(node.outputs[index], context))
    // The last factor covers the rounding of the sizes and of the sum in which they are used.
    const upwards = (1 + gamma(terms + 8)) * (1 + gamma(sums))
    const relative = builder.add('Mul', [size, builder.scalar((gamma(terms + 8) + gamma(fanOut + 8)) * upwards)])
    const error = builder.add('Add', [relative, builder.scalar(rounding.underflow)])
    if (!constants) return error
    return builder.add('Add', [error, builder.add('Mul', [constants[index], builder.scalar(gamma(sums) * upwards)])])
  })
}

/** Constant part of a linear node, |b| with `absolute`. onnxruntime folds it into a constant. */
function emitConstants(node: GraphNode, linear: LinearRules, absolute: boolean, context: RelaxationContext): string[] {
  const { builder } = context
  const zeros = node.inputs.map((input) =>
    context.isActivation(input)
      ? builder.add('Expand', [builder.scalar(0), builder.ints([1, ...valueShape(input, context)])])
      : '',
  )
  return linear.apply(node, zeros, context, { absolute, bias: true })
}

const factorsOnly = new Set(['MatMul', 'Mul', 'Div', 'Conv', 'ConvTranspose', 'Gemm'])

/** False where a node is seen to be homogeneous, which saves summing zeros. */
function mayAddConstant(node: GraphNode, context: RelaxationContext): boolean {
  const operands = node.inputs.filter((input) => input !== '')
  if (factorsOnly.has(node.operator)) return operands.length > 2
  return operands.some((input) => {
    const type = context.graph.values.get(input)?.type
    return !context.isActivation(input) && (type === 'float32' || type === 'float64')
  })
}

/** −Σ |gradient|·error per row. */
function emitCharge(gradient: string, error: string, shape: readonly number[], context: RelaxationContext): string {
  const { builder } = context
  const size = builder.add('Mul', [builder.add('Abs', [gradient]), context.rows(error)])
  return builder.add('Neg', [context.sum(size, shape)])
}

/** Products of coefficients that underflow lose at most this much of each value that they multiply. */
function emitUnderflow(values: Iterable<string>, context: RelaxationContext): string {
  const { builder, rounding } = context
  const sums = [...values].map((value) => {
    const shape = valueShape(value, context)
    return context.sum(emitMagnitude(value, context), shape)
  })
  const total = sums.reduce((sum, part) => builder.add('Add', [sum, part]))
  return context.rows(scaled(builder.add('Add', [total, builder.scalar(1)]), 2 * rounding.underflow, context))
}

function emitZeros(seed: string, context: RelaxationContext): string {
  const { builder } = context
  const rows = builder.add('Shape', [seed], { start: 0, end: 1 })
  return builder.add('Expand', [builder.scalar(0), rows])
}

function scaled(value: string, factor: number, { builder }: RelaxationContext): string {
  return builder.add('Mul', [value, builder.scalar(factor)])
}

function outputCount(node: GraphNode, context: RelaxationContext): number {
  return node.outputs
    .map((output) => valueShape(output, context).reduce((count, size) => count * size, 1))
    .reduce((sum, count) => sum + count, 0)
}

function valueShape(value: string, context: RelaxationContext): readonly number[] {
  const producer = context.graph.nodes.find(({ outputs }) => outputs.includes(value)) ?? context.graph.nodes[0]
  return sampleShape(value, producer, context)
}
