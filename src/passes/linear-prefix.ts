import type { Norm } from '../geometry/norm.js'
import { GraphBuilder, type Precision } from '../graph/builder.js'
import { elementCount, featureShape, type Graph, type GraphNode, type TypedGraph } from '../graph/graph.js'
import { perValue } from '../graph/per-graph.js'
import type { Interval, IntervalContext, LinearRules, RuleContext } from '../operators/operator.js'
import { findOperator } from '../operators/registry.js'
import { carryBack } from './carry-back.js'
import { ruleContext } from './context.js'
import { cropAround } from './crop.js'
import { emitMasks } from './emit-crop.js'
import { emitSizes } from './interval.js'
import { emitSum, sumRoundings } from './row-sums.js'
import { emitSeed } from './seed.js'

/** How a value depends on the input; the order is that of how much interval arithmetic loses. */
type Dependence = 'element by element' | 'one mixing step' | 'linear' | 'nonlinear'
const order: readonly Dependence[] = ['element by element', 'one mixing step', 'linear', 'nonlinear']

const scalings = new Set(['Mul', 'Div', 'Add', 'Sub', 'Neg', 'BatchNormalization'])

/** How a value depends on the model's input. Interval arithmetic is exact up to one mixing step. */
export const dependenceOnInput = perValue((graph, value): Dependence => {
  if (value === graph.inputs[0].name) return 'element by element'
  const context = ruleContext(graph, new GraphBuilder(graph.opset))
  const node = producer(value, context)
  const linear = findOperator(node)?.linear?.(node, context)
  if (!linear) return 'nonlinear'
  const inputs = activations(node, context)
  const worst = order[Math.max(...inputs.map((input) => order.indexOf(dependenceOnInput(graph, input))))]
  if (linear.terms(node, context) === 1) return worst
  if (inputs.length > 1) return worst === 'nonlinear' ? worst : 'linear'
  if (scalings.has(node.operator)) return worst
  return worst === 'element by element' ? 'one mixing step' : worst === 'nonlinear' ? worst : 'linear'
})

/** Values with the batch on another axis, and sequences, are left to the rules, which refuse them by name. */
export function isLinearInInput(value: string, graph: TypedGraph): boolean {
  const type = graph.values.get(value)
  return !!type && featureShape(type.shape) !== undefined && dependenceOnInput(graph, value) !== 'nonlinear'
}

/**
 * A graph from rows to `dualNorms`: the norms, dual to `norm`, of the coefficients of x[plus] − x[minus] over the input,
 * where x is `value`, which is linear in the input; −1 means neither.
 */
export function dualNormGraph(graph: TypedGraph, value: string, norm: Norm, precision: Precision): Graph {
  const builder = new GraphBuilder(graph.opset, precision)
  const rowInput = (name: string) => builder.input(name, 'int32', ['rows'])
  const [plus, minus] = ['plus', 'minus'].map(rowInput)
  const crop = cropAround(graph, value)
  const analysed = crop?.graph ?? graph
  const mask = crop && emitMasks(crop, graph, true, rowInput('sampleOfRow'), builder)
  const context = ruleContext(analysed, builder)
  const seed = emitSeed(plus, minus, featureShape(context.shape(value))!, builder)
  const flat = emitCoefficients(value, seed, context, mask)
  const count = elementCount(featureShape(context.shape(graph.inputs[0].name))!)
  builder.output('dualNorms', emitDualNorm(flat, count, norm, builder))
  return builder.build()
}

/**
 * Coefficients over the input, [rows, inputs], of linear functions of `value`, which is linear in the input: `seed` has their
 * coefficients over it. `mask` is 0, one row each, in the padding around a value.
 */
export function emitCoefficients(
  value: string,
  seed: string,
  context: RuleContext,
  mask?: (value: string) => string | undefined,
): string {
  const { builder, graph } = context
  const coefficients = carryBack(graph, new Map([[value, seed]]), context, (node, outputs) =>
    linearRules(node, context)
      .transpose(node, outputs, context)
      .map((arriving, index) => {
        const input = node.inputs[index]
        const inside = context.isActivation(input) ? mask?.(input) : undefined
        return arriving === undefined || inside === undefined ? arriving : builder.add('Mul', [arriving, inside])
      }),
  )
  const [{ name: input }] = graph.inputs
  const count = elementCount(featureShape(context.shape(input))!)
  return builder.add('Reshape', [coefficients.get(input)!, builder.ints([-1, count])])
}

function emitDualNorm(rows: string, count: number, norm: Norm, builder: GraphBuilder): string {
  if (norm === 'linf') return emitSum(builder.add('Abs', [rows]), [count], { builder })
  if (norm === 'l1') return builder.add('ReduceMax', [builder.add('Abs', [rows]), builder.ints([1])], { keepdims: 0 })
  const squares = emitSum(builder.add('Mul', [rows, rows]), [count], { builder })
  // Squares of tiny coefficients underflow.
  return builder.add('Sqrt', [builder.add('Add', [squares, builder.scalar(2 ** -102)])])
}

/** How far a value that is linear in the input may go below and above its value at the centre of a ball. */
export interface Reach {
  readonly down: string
  readonly up: string
}

/** By the dual norms of its coefficients, [1, ...features]: the radius times these, rounded up. */
export function emitReachOfBall(value: string, radius: string, dualNorms: string, context: IntervalContext): Reach {
  const { builder, rounding } = context
  const shape = featureShape(context.shape(value))!
  const column = builder.add('Reshape', [radius, builder.ints([-1, ...shape.map(() => 1)])])
  const inputs = elementCount(featureShape(context.shape(context.graph.inputs[0].name))!)
  const upwards = builder.scalar(1 + 2 * rounding.gamma(sumRoundings([inputs]) + 16))
  const reach = builder.add('Mul', [builder.add('Mul', [dualNorms, column]), upwards])
  return { down: reach, up: reach }
}

/**
 * Bounds of a value that is linear in the input: its value at the centre of the ball, less and more what is in its reach,
 * widened by the rounding errors of all steps.
 */
export function emitPrefixInterval(value: string, centre: string, reach: Reach, context: IntervalContext): Interval {
  const { builder, rounding } = context
  const middle = emitCentre(value, centre, context)
  const error = rounding.mode === 'covered' ? emitError(value, context) : undefined
  const wide = (side: string) => (error === undefined ? side : builder.add('Add', [side, error]))
  return {
    lower: builder.add('Sub', [middle, wide(reach.down)]),
    upper: builder.add('Add', [middle, wide(reach.up)]),
  }
}

function emitCentre(value: string, centre: string, context: IntervalContext): string {
  if (value === context.graph.inputs[0].name) return centre
  return context.builder.once(`centre ${value}`, () => {
    const node = producer(value, context)
    const inputs = node.inputs.map((input) => (context.isActivation(input) ? emitCentre(input, centre, context) : ''))
    const outputs = linearRules(node, context).apply(node, inputs, context, { absolute: false, bias: true })
    return outputs[node.outputs.indexOf(value)]
  })
}

/** Rounding errors of the model, of the centre and of the dual norms, carried through the steps that follow; undefined of the input, which has none. */
function emitError(value: string, context: IntervalContext): string | undefined {
  const { builder, rounding } = context
  if (value === context.graph.inputs[0].name) return undefined
  return builder.once(`error ${value}`, () => {
    const node = producer(value, context)
    const linear = linearRules(node, context)
    const index = node.outputs.indexOf(value)
    const size = emitSizes(node, linear, context)[index]
    const terms = linear.terms(node, context)
    const fanOut = linear.fanOut?.(node, context) ?? elementCount(featureShape(context.shape(value))!)
    const allowance = 5 * rounding.gamma(terms + 8) + 2 * rounding.gamma(fanOut + 8)
    const own = builder.add('Add', [
      builder.add('Mul', [size, builder.scalar(allowance)]),
      builder.scalar(rounding.underflow),
    ])
    const errors = node.inputs.map((input) => (context.isActivation(input) ? emitError(input, context) : ''))
    if (errors.every((error) => !error)) return own
    // One slice per sample, as a Concat may put it next to what has one.
    const zeros = (input: string) =>
      builder.add('Expand', [builder.scalar(0), builder.add('Shape', [context.interval(input).lower])])
    const inputs = errors.map((error, place) => error ?? zeros(node.inputs[place]))
    const carried = linear.apply(node, inputs, context, { absolute: true, bias: false })[index]
    const upwards = builder.scalar(1 + 2 * rounding.gamma(terms + 8))
    return builder.add('Add', [builder.add('Mul', [carried, upwards]), own])
  })
}

function linearRules(node: GraphNode, context: RuleContext): LinearRules {
  return findOperator(node)!.linear!(node, context)!
}

function activations(node: GraphNode, context: RuleContext): string[] {
  return node.inputs.filter((input) => context.isActivation(input))
}

function producer(value: string, { graph }: RuleContext): GraphNode {
  return graph.nodes.find(({ outputs }) => outputs.includes(value))!
}
