import type { Budget } from '../../budget.js'
import type { Norm } from '../../geometry/norm.js'
import { GraphBuilder } from '../../graph/builder.js'
import { elementCount, floatAttribute, type Graph, type GraphNode, type TypedGraph } from '../../graph/graph.js'
import type { Classifier } from '../../model/classifier.js'
import { describeConvolution } from '../../operators/conv.js'
import { describeTransposedConvolution } from '../../operators/conv-transpose.js'
import type { RuleContext } from '../../operators/operator.js'
import { findOperator } from '../../operators/registry.js'
import { sampleShape } from '../../operators/samples.js'
import { ruleContext } from '../../passes/context.js'
import { range } from '../../sampling/rows.js'
import { coefficientGraph, withAbsoluteConstants } from './coefficients.js'
import { matrixSides, writtenOutNorm } from './convolution-matrix.js'
import { convolutionNorm } from './convolution-norm.js'
import { euclideanNorm } from './euclidean-norm.js'
import { spectralNorms } from './spectral-norm.js'

/** Upper bounds of the operator norms of W and of |W|, the absolute values of its elements. */
export interface LinearNorm {
  readonly signed: number
  readonly absolute: number
}

/** Norms [activation input][output] of every node that is linear; undefined where an output does not depend on the input. */
export type LinearNorms = ReadonlyMap<GraphNode, readonly (readonly LinearNorm[] | undefined)[]>

/** Sums over an element's row or column are rounded in float64: fewer than 2^20 terms. */
const upwards = 1 + 2 ** -30

/**
 * Operator norms of all linear nodes in the norm that perturbations are measured in. ℓ∞ is the largest row sum of |W|,
 * ℓ1 the largest column sum, both exact. In ℓ2 matrices have {@link spectralNorms}, convolutions
 * {@link writtenOutNorm} where they are small and {@link convolutionNorm}, and all have √(ℓ1 norm · ℓ∞ norm), of which the smaller counts. Undefined when the budget ends;
 * what is known by then need not be computed again.
 */
export async function linearNorms(model: Classifier, norm: Norm, budget: Budget): Promise<LinearNorms | undefined> {
  const { graph } = model
  const nodes = linearNodes(graph)
  if (nodes.length === 0) return new Map()
  const sums = await (await model.compile('sums of weights', () => weightSumsGraph(graph))).run({
    one: { type: 'float64', shape: [1], data: Float64Array.of(1) },
  })
  const norms = new Map<GraphNode, (LinearNorm[] | undefined)[]>()
  const context = ruleContext(graph, new GraphBuilder(graph.opset))
  for (const [at, node] of nodes.entries()) {
    if (!(await budget.next())) return undefined
    const better = norm === 'l2' ? await spectralNorm(model, node, context, budget) : undefined
    if (better === 'interrupted') return undefined
    norms.set(
      node,
      node.inputs.map((name, input) => {
        if (!context.isActivation(name)) return undefined
        return node.outputs.map((_, output) => {
          const [row, column] = ['row', 'column'].map((kind) => {
            return upwards * (sums[sumName(kind, at, input, output)].data as Float64Array)[0]
          })
          const absolute = { linf: row, l1: column, l2: upwards * Math.sqrt(row * column) }[norm]
          return { signed: Math.min(absolute, better ?? absolute), absolute }
        })
      }),
    )
  }
  return norms
}

/** Nodes that are linear in activations, in order. */
export function linearNodes(graph: TypedGraph): GraphNode[] {
  const context = ruleContext(graph, new GraphBuilder(graph.opset))
  return graph.nodes.filter(
    (node) =>
      node.inputs.some((input) => context.isActivation(input)) &&
      findOperator(node)?.linear?.(node, context) !== undefined,
  )
}

const sumName = (kind: string, node: number, input: number, output: number) => `${kind} ${node} ${input} ${output}`

/** The largest sum over a row and over a column of |W|, for every linear node, activation input and output. */
function weightSumsGraph(graph: TypedGraph): Graph {
  const builder = new GraphBuilder(graph.opset, 'float64')
  const one = builder.input('one', 'float64', [1])
  const context = ruleContext(withAbsoluteConstants(graph), builder)
  for (const [at, node] of linearNodes(graph).entries()) {
    const linear = findOperator(node)!.linear!(node, context)!
    const filled = (value: string, factor: string) =>
      builder.add('Expand', [factor, builder.ints([1, ...sampleShape(value, node, context)])])
    const zero = builder.once('zero', () => builder.add('Sub', [one, one]))
    const largest = (value: string) => {
      const flat = builder.add('Reshape', [builder.add('Abs', [value]), builder.ints([-1])])
      return builder.add('ReduceMax', [flat], { keepdims: 1 })
    }
    const activations = range(node.inputs.length).filter((input) => context.isActivation(node.inputs[input]))
    for (const input of activations) {
      const inputs = node.inputs.map((value, index) => {
        return context.isActivation(value) ? filled(value, index === input ? one : zero) : ''
      })
      const rows = linear.apply(node, inputs, context, { absolute: true, bias: false })
      rows.forEach((row, output) => {
        builder.output(sumName('row', at, input, output), largest(row))
        const gradients = node.outputs.map((value, index) => (index === output ? filled(value, one) : undefined))
        const column = linear.transpose(node, gradients, context)[input]!
        builder.output(sumName('column', at, input, output), largest(column))
      })
    }
  }
  return builder.build()
}

const spectralCache = new WeakMap<GraphNode, number>()

/** ℓ2 norm of W, where there is a better way than by its sums; a node with such a W has one activation input. */
async function spectralNorm(
  model: Classifier,
  node: GraphNode,
  context: RuleContext,
  budget: Budget,
): Promise<number | 'interrupted' | undefined> {
  const known = spectralCache.get(node)
  if (known !== undefined) return known
  const norm = await spectralNormOf(model, node, context, budget)
  if (typeof norm === 'number') spectralCache.set(node, norm)
  return norm
}

async function spectralNormOf(
  model: Classifier,
  node: GraphNode,
  context: RuleContext,
  budget: Budget,
): Promise<number | 'interrupted' | undefined> {
  if (node.operator === 'Gemm' || node.operator === 'MatMul') return productNorm(model, node, context)
  if (node.operator === 'AveragePool') return averagePoolNorm(model, node, context)
  // A convolution and its transpose have one norm.
  const describe = { Conv: describeConvolution, ConvTranspose: describeTransposedConvolution }[node.operator]
  if (!describe) return undefined
  const convolution = describe(node, context)
  const weights = context.constant(node.inputs[1])!
  if (Math.max(...matrixSides(convolution)) <= largestSide) return writtenOutNorm(model, convolution, weights)
  return (await convolutionNorm(model, convolution, weights, budget)) ?? 'interrupted'
}

async function productNorm(model: Classifier, node: GraphNode, context: RuleContext): Promise<number | undefined> {
  // Of the two factors one is constant.
  const weight = context.constant(node.inputs[1]) ?? context.constant(node.inputs[0])
  if (weight?.shape.length !== 2) return undefined
  const [rows, columns] = weight.shape
  const [norm] = await spectralNorms(model, { count: 1, rows, columns, data: Float64Array.from(weight.data, Number) })
  const factor = node.operator === 'Gemm' ? Math.abs(floatAttribute(node, 'alpha', 1)) : 1
  return factor * norm * upwards
}

/** Larger sides make a matrix of the whole operator too expensive. */
const largestSide = 512

/** Windows at the border may be divided by less, so that there is no convolution with the same matrix. */
async function averagePoolNorm(model: Classifier, node: GraphNode, context: RuleContext): Promise<number | undefined> {
  const [[input], [output]] = [node.inputs, node.outputs]
  const shape = sampleShape(output, node, context)
  const [rows, columns] = [elementCount(shape), elementCount(sampleShape(input, node, context))]
  if (Math.max(rows, columns) > largestSide) return undefined
  const compiled = await model.compile(`matrix of ${output}`, () =>
    coefficientGraph(model.graph, output, [input], false),
  )
  const seeds = Float64Array.from({ length: rows * rows }, (_, at) => (at % (rows + 1) === 0 ? 1 : 0))
  const results = await compiled.run({ seeds: { type: 'float64', shape: [rows, ...shape], data: seeds } })
  const data = results[input].data as Float64Array
  const [norm] = await spectralNorms(model, { count: 1, rows, columns, data })
  // Elements are sums of few weights, rounded in float64.
  return norm * upwards + 2 ** -40 * euclideanNorm(data)
}
