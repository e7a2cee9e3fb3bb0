import type { GraphNode } from '../graph/graph.js'
import { broadcastFanOut, operand, reduceToShape, sumOf } from './broadcast.js'
import { coefficient, foldedRoundings } from './coefficient.js'
import { emitIntercepts } from './lines.js'
import type {
  DerivativeRules,
  IntervalContext,
  LinearRules,
  Operator,
  RelaxationRules,
  RuleContext,
} from './operator.js'
import { emitCentreAndReach, emitLargest } from './ranges.js'
import { refuse } from './refuse.js'
import { sampleShape } from './samples.js'

/** y = X·W or W·X. */
const constantProduct: LinearRules = {
  apply(node, inputs, context, { absolute }) {
    const factors = node.inputs.map((input, index) =>
      context.isActivation(input) ? inputs[index] : coefficient(input, absolute, context),
    )
    return [context.builder.add('MatMul', factors)]
  },

  transpose: (node, [gradient], context) =>
    factorGradients(node, gradient!, (value) => coefficient(value, false, context), context),

  terms: (node, context) => innerSize(node, context) + foldedRoundings,
  // Per input element as many outputs as there are, shared between the inputs, times those that go into each.
  fanOut: (node, context) => broadcastFanOut(node, context) * innerSize(node, context),
}

const product: DerivativeRules = {
  vjp: (node, [gradient], context) => factorGradients(node, gradient!, (value) => operand(value, context), context),

  jvp(node, [left, right], context) {
    const { builder } = context
    const [first, second] = node.inputs
    return [
      sumOf(
        [
          left && builder.add('MatMul', [left, operand(second, context)]),
          right && builder.add('MatMul', [operand(first, context), right]),
        ],
        context,
      ),
    ]
  },
}

/**
 * A·B between M·B + A·N − M·N ± R·S, where A lies within R of M and B within S of N: the mean of the planes of McCormick
 * for each product.
 */
const productRelaxation: RelaxationRules = {
  backward(node, gradient, context) {
    const { centres, lower, upper } = emitExpansion(node, context.samples)
    const factor = (value: string) => context.rows(centres[node.inputs.indexOf(value)], value)
    const gradients = factorGradients(node, gradient, factor, context)
    const [first, ...others] = node.inputs.map((input, index) => ({ input, gradient: gradients[index]! }))
    return { ...first, others, constant: emitIntercepts(gradient, lower, upper, node.outputs[0], context) }
  },

  at(node, [left, right], context) {
    const { builder } = context
    const { centres, lower, upper } = emitExpansion(node, context.samples)
    const [before, after] = centres.map((centre, index) => context.rows(centre, node.inputs[index]))
    const both = builder.add('Add', [builder.add('MatMul', [left, after]), builder.add('MatMul', [before, right])])
    const moved = (intercept: string) => builder.add('Add', [both, context.rows(intercept, node.outputs[0])])
    return { lower: moved(lower), upper: moved(upper) }
  },
}

/** The middles of both factors, and the intercepts below and above the expansion of the product there. */
function emitExpansion(node: GraphNode, context: IntervalContext): { centres: string[]; lower: string; upper: string } {
  const { builder } = context
  const ranges = node.inputs.map((input) => emitCentreAndReach(context.interval(input), context))
  const centres = ranges.map(({ centre }) => centre)
  const product = builder.add('MatMul', centres)
  const reached = builder.add(
    'MatMul',
    ranges.map(({ reach }) => reach),
  )
  const remainder = builder.add('Add', [reached, emitProductError(node, context)])
  const negated = builder.add('Neg', [product])
  return { centres, lower: builder.add('Sub', [negated, remainder]), upper: builder.add('Sub', [remainder, product]) }
}

/** What rounding may do to a product, in the model, in the coefficients that travel backwards through it, and here. */
function emitProductError(node: GraphNode, context: IntervalContext): string {
  const { builder, rounding } = context
  const magnitudes = node.inputs.map((input) => emitLargest(context.interval(input), context))
  const size = builder.add('MatMul', magnitudes)
  const terms = innerSize(node, context)
  const allowance = 4 * rounding.gamma(terms + broadcastFanOut(node, context) * terms + 64)
  return builder.add('Add', [builder.add('Mul', [size, builder.scalar(allowance)]), builder.scalar(rounding.underflow)])
}

/** Gradients g·Bᵀ of A and Aᵀ·g of B; `factor` names the other factor. */
function factorGradients(
  node: GraphNode,
  gradient: string,
  factor: (value: string) => string,
  context: RuleContext,
): (string | undefined)[] {
  const { builder } = context
  const from = context.shape(node.outputs[0])
  return node.inputs.map((input, index) => {
    if (!context.isActivation(input)) return undefined
    const other = node.inputs[1 - index]
    const transposed = exchange(factor(other), other, context)
    const factors = index === 0 ? [gradient, transposed] : [transposed, gradient]
    const to = context.shape(input)
    const product = [...from.slice(0, -2), ...to.slice(-2)]
    return reduceToShape(builder.add('MatMul', factors), product, to, context)
  })
}

/** The matrices of a value, transposed. */
function exchange(name: string, value: string, { builder, shape }: RuleContext): string {
  const perm = shape(value).map((_, axis) => axis)
  perm.push(...perm.splice(-2).reverse())
  return builder.once(`transposed ${name}`, () => builder.add('Transpose', [name], { perm }))
}

function innerSize(node: GraphNode, context: RuleContext): number {
  return context.shape(node.inputs[0]).at(-1) as number
}

/** The batch must be a stack of matrices, or the rows of the left factor; nothing may be put before it. */
function refuseMixedSamples(node: GraphNode, context: RuleContext): void {
  const rank = sampleShape(node.outputs[0], node, context).length + 1
  node.inputs.forEach((input, index) => {
    const axes = context.shape(input).length
    if (axes < 2) refuse(node, 'one factor is a vector')
    if (!context.isActivation(input)) return
    const rowsAreSamples = index === 0 && axes === 2 && !context.isActivation(node.inputs[1])
    if (axes !== rank || (axes === 2 && !rowsAreSamples)) refuse(node, 'it mixes the samples of a batch')
  })
}

export const matMul: Operator = {
  name: 'MatMul',
  linear(node, context) {
    refuseMixedSamples(node, context)
    return node.inputs.every((input) => context.isActivation(input)) ? undefined : constantProduct
  },
  derivative: product,
  interval(node, context) {
    const { builder } = context
    const ranges = node.inputs.map((input) => emitCentreAndReach(context.interval(input), context))
    const [left, right] = ranges
    const centre = builder.add('MatMul', [left.centre, right.centre])
    const size = ({ centre: middle, reach }: typeof left) => builder.add('Add', [builder.add('Abs', [middle]), reach])
    // |M|·S + R·(|N| + S)
    const parts = [
      builder.add('MatMul', [builder.add('Abs', [left.centre]), right.reach]),
      builder.add('MatMul', [left.reach, size(right)]),
      emitProductError(node, context),
    ]
    const radius = sumOf(parts, context)
    return { lower: builder.add('Sub', [centre, radius]), upper: builder.add('Add', [centre, radius]) }
  },
  relaxation: productRelaxation,
}
