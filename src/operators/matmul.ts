import type { GraphNode } from '../graph/graph.js'
import { broadcastFanOut, operand, reduceToShape, sumOf } from './broadcast.js'
import { coefficient, foldedRoundings } from './coefficient.js'
import type { DerivativeRules, LinearRules, Operator, RuleContext } from './operator.js'
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
}
