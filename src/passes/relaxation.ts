import { elementCount, type GraphNode, type TypedGraph } from '../graph/graph.js'
import { emitIntercepts } from '../operators/lines.js'
import type { Interval, Line, LinearRules, Lines, RelaxationContext, RowContext, Tiles } from '../operators/operator.js'
import { findOperator } from '../operators/registry.js'
import { sampleShape } from '../operators/samples.js'
import { emitMagnitude, emitSizes, noBoundRule } from './interval.js'
import { emitBoxMinimum } from './row-sums.js'
import { emitTranspose } from './transposed-rows.js'

/** Where the linear functions stop: at the model's input, or already at the outputs of the last nonlinear operators. */
export type Frontier = 'input' | 'last nonlinear outputs'

/**
 * CROWN (Zhang et al. 2018, Algorithm 1), any graph: carries one linear function per row, whose coefficients over
 * `target` are `seed`, back to the frontier, and returns a lower bound of each over all inputs that the intervals of the
 * context allow. `minimize` does the last step at the input: a lower bound of each row's linear function there.
 * `lowerLine` chooses the line below an elementwise operator that a maximum folds into its own relaxation.
 */
export function emitRelaxation(
  graph: TypedGraph,
  target: string,
  seed: string,
  outer: RowContext,
  minimize: (coefficients: string) => string,
  frontier: Frontier = 'input',
  lowerLine: (lines: Lines) => Line = ({ lower }) => lower,
): string {
  const { builder, rounding } = outer
  const gradients = new Map([[target, seed]])
  const summands: string[] = []
  const taken = new Set<string>()
  const tiles = new Map<string, Tiles>()
  const context: RelaxationContext = {
    ...outer,
    offset(value) {
      const node = soleProducer(value, target, graph)
      const linear = node && node.outputs.length === 1 && findOperator(node)?.linear?.(node, outer)
      if (!linear) return undefined
      taken.add(value)
      return emitOffsets(node, linear, context)?.[0]
    },
    linesBefore(value) {
      const node = soleProducer(value, target, graph)
      const lines = node && findOperator(node)?.relaxation?.lines?.(node, context)
      return lines && { input: node.inputs[0], lines: { ...lines, lower: lowerLine(lines) } }
    },
  }

  const accumulate = (value: string, gradient: string) => {
    const known = gradients.get(value)
    if (known === undefined) {
      gradients.set(value, gradient)
      return
    }
    const total = builder.add('Add', [known, gradient])
    gradients.set(value, total)
    if (rounding.mode === 'ignored') return
    const error = builder.add('Mul', [emitMagnitude(value, context), builder.scalar(rounding.gamma(8))])
    const charge = emitIntercepts(total, builder.add('Neg', [error]), error, valueShape(value, context), context)
    summands.push(charge!)
  }

  for (const node of graph.nodes.toReversed()) {
    const outputs = node.outputs.map((output) => gradients.get(output))
    if (outputs.every((gradient) => gradient === undefined)) continue
    const linear = findOperator(node)?.linear?.(node, context)
    if (linear) {
      const offsets = node.outputs.some((output) => taken.has(output)) ? undefined : emitOffsets(node, linear, context)
      outputs.forEach((gradient, index) => {
        if (gradient === undefined || !offsets) return
        const { lower, upper } = offsets[index]
        const shape = valueShape(node.outputs[index], context)
        summands.push(emitIntercepts(gradient, lower, upper, shape, context)!)
      })
      emitTranspose(node, linear, outputs, tiles.get(outputs[0] ?? ''), context).forEach((gradient, index) => {
        const input = node.inputs[index]
        if (gradient === undefined || !context.isActivation(input)) return
        // Only what sums over windows reaches into the padding.
        const mask = node.operator === 'Conv' ? context.mask(input) : undefined
        accumulate(input, mask === undefined ? gradient : builder.add('Mul', [gradient, mask]))
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
    const { input, gradient, constant, tiles: before } = rules.backward(node, outputs[0]!, context)
    if (constant !== undefined) summands.push(constant)
    if (before) tiles.set(gradient, before)
    accumulate(input, gradient)
  }
  const atInput = gradients.get(graph.inputs[0].name)
  if (atInput !== undefined) summands.push(minimize(atInput))
  const bound = summands.length > 0 ? sumOf(summands, context) : emitZeros(seed, context)
  return rounding.mode === 'covered' ? builder.add('Sub', [bound, emitUnderflow(gradients.keys(), context)]) : bound
}

/** The node that makes a value which one node alone uses. */
function soleProducer(value: string, target: string, graph: TypedGraph): GraphNode | undefined {
  const uses = graph.nodes.flatMap(({ inputs }) => inputs.filter((input) => input === value)).length
  return uses === 1 && value !== target ? graph.nodes.find(({ outputs }) => outputs.includes(value)) : undefined
}

/**
 * What a linear node adds per sample besides W·x: its constant part, give or take the rounding errors of the model in
 * this node and of the step backwards through it. Undefined where that is nothing.
 */
function emitOffsets(node: GraphNode, linear: LinearRules, context: RowContext): Interval[] | undefined {
  const { builder } = context
  const constants = mayAddConstant(node, context) ? emitConstants(node, linear, context) : undefined
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
  return emitSizes(node, linear, context).map((size) =>
    builder.add('Add', [builder.add('Mul', [size, builder.scalar(relative)]), builder.scalar(rounding.underflow)]),
  )
}

/** Constant part of a linear node. onnxruntime folds it into a constant. */
function emitConstants(node: GraphNode, linear: LinearRules, context: RowContext): string[] {
  const { builder } = context
  const zeros = node.inputs.map((input) =>
    context.isActivation(input)
      ? builder.add('Expand', [builder.scalar(0), builder.ints([1, ...valueShape(input, context)])])
      : '',
  )
  return linear.apply(node, zeros, context, { absolute: false, bias: true })
}

/** Constants as intervals with a slice for each sample. */
function emitAlike(constants: readonly string[], node: GraphNode, context: RowContext): Interval[] {
  const { builder } = context
  const input = node.inputs.find((value) => context.isActivation(value))!
  const samples = builder.add('Shape', [context.interval(input).lower], { start: 0, end: 1 })
  return constants.map((constant, index) => {
    const ones = valueShape(node.outputs[index], context).map(() => 1)
    const shape = builder.add('Concat', [samples, builder.ints(ones)], { axis: 0 })
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

/** Products of coefficients that underflow lose at most this much of each value that they multiply. */
function emitUnderflow(values: Iterable<string>, context: RowContext): string {
  const { builder, rounding } = context
  const sums = [...values].map((value) => context.sum(emitMagnitude(value, context), valueShape(value, context)))
  const total = builder.add('Add', [sumOf(sums, context), builder.scalar(1)])
  return context.rows(builder.add('Mul', [total, builder.scalar(2 * rounding.underflow)]))
}

function sumOf(parts: readonly string[], { builder }: RowContext): string {
  return parts.reduce((sum, part) => builder.add('Add', [sum, part]))
}

function emitZeros(seed: string, { builder }: RowContext): string {
  const rows = builder.add('Shape', [seed], { start: 0, end: 1 })
  return builder.add('Expand', [builder.scalar(0), rows])
}

function outputCount(node: GraphNode, context: RowContext): number {
  return node.outputs.map((output) => elementCount(valueShape(output, context))).reduce((sum, count) => sum + count, 0)
}

function valueShape(value: string, context: RowContext): readonly number[] {
  const producer = context.graph.nodes.find(({ outputs }) => outputs.includes(value)) ?? context.graph.nodes[0]
  return sampleShape(value, producer, context)
}
