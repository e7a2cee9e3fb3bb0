import type { Precision } from '../../graph/builder.js'
import { GraphBuilder } from '../../graph/builder.js'
import { elementCount, featureShape, type Graph, type GraphNode, type TypedGraph } from '../../graph/graph.js'
import type { Classifier } from '../../model/classifier.js'
import { ruleContext } from '../../passes/context.js'
import { declareInputs, emitForward } from '../../passes/forward.js'
import { range } from '../../sampling/rows.js'
import { coefficientGraph } from './coefficients.js'
import { spectralNorms } from './spectral-norm.js'

/** A fully connected layer, from the output back: activation(weights·x + bias). */
export interface HiddenLayer {
  readonly activation: GraphNode
  /** What goes into the activation. */
  readonly value: string
  readonly width: number
  /** [width, inputs] */
  readonly weights: Float64Array
}

/** The fully connected layers at the end of a model. */
export interface Mlp {
  /** The value that the first of them takes. */
  readonly start: string
  /** The value that the last linear layer takes. */
  readonly last: string
  /** In order; none where the logits are linear in {@link start}. */
  readonly hidden: readonly HiddenLayer[]
}

/**
 * Follows the model from the logits back, through nodes that `isLinear` says to belong to fully connected layers and
 * through activations that are among `activations`, for as long as there is one way only.
 */
export async function trailingMlp(
  model: Classifier,
  isLinear: (node: GraphNode) => boolean,
  activations: ReadonlySet<string>,
): Promise<Mlp> {
  const { graph } = model
  const last = linearStart(graph, graph.outputs[0].name, isLinear)
  const hidden: HiddenLayer[] = []
  let start = last
  for (;;) {
    const activation = producer(graph, start)
    if (!activation || !activations.has(activation.operator)) break
    const [value] = activation.inputs
    const from = linearStart(graph, value, isLinear)
    if (from === value) break
    hidden.unshift({ activation, value, width: widthOf(graph, value), weights: await weightsOf(model, value, from) })
    start = from
  }
  return { start, last, hidden }
}

export function producer(graph: TypedGraph, value: string): GraphNode | undefined {
  return graph.nodes.find(({ outputs }) => outputs.includes(value))
}

/** The names of the activations among the inputs of a node. */
export function activationInputs(graph: TypedGraph, node: GraphNode): string[] {
  const context = ruleContext(graph, new GraphBuilder(graph.opset))
  return node.inputs.filter((input) => context.isActivation(input))
}

function linearStart(graph: TypedGraph, value: string, isLinear: (node: GraphNode) => boolean): string {
  const node = producer(graph, value)
  if (!node || !isLinear(node)) return value
  const inputs = activationInputs(graph, node)
  return inputs.length === 1 ? linearStart(graph, inputs[0], isLinear) : value
}

function widthOf(graph: TypedGraph, value: string): number {
  return elementCount(featureShape(graph.values.get(value)!.shape)!)
}

async function weightsOf(model: Classifier, value: string, from: string): Promise<Float64Array> {
  const { graph } = model
  const width = widthOf(graph, value)
  const key = `coefficients of ${value} over ${from}`
  const compiled = await model.compile(key, () => coefficientGraph(graph, value, [from], false))
  const data = new Float64Array(width * width)
  for (const row of range(width)) data[row * (width + 1)] = 1
  const shape = [width, ...featureShape(graph.values.get(value)!.shape)!]
  const results = await compiled.run({ seeds: { type: 'float64', shape, data } })
  return results[from].data as Float64Array
}

/** A graph from inputs to the given values of the forward pass. */
export function valuesGraph(graph: TypedGraph, values: readonly string[], precision: Precision): Graph {
  const builder = new GraphBuilder(graph.opset, precision)
  declareInputs(graph, builder)
  const forward = emitForward(graph, ruleContext(graph, builder))
  for (const value of values) builder.output(`value ${value}`, forward.get(value)!)
  return builder.build()
}

/** What Theorem 4.2 needs to know of an activation: bounds of its first and second derivative, and the first itself. */
export interface SmoothActivation {
  readonly first: number
  readonly second: number
  derivative(input: number): number
}

/**
 * Algorithm 4.1: a bound of the spectral norm of the Hessian of every output of the last hidden layer. By induction
 * ‖∇h_i‖ ≤ A·s·N and ‖∇²h_i‖ ≤ B·(s·N)² + A·s·M, with s the largest ℓ1 norm of a row of weights.
 */
export function hessianBound(mlp: Mlp, activations: ReadonlyMap<string, SmoothActivation>): number {
  let [hessian, gradient] = [0, 1]
  for (const { activation, weights, width } of mlp.hidden) {
    const { first, second } = activations.get(activation.operator)!
    const sum = largestRowSum(weights, width)
    hessian = second * (gradient * sum) ** 2 + first * hessian * sum
    gradient = first * gradient * sum
  }
  return hessian
}

function largestRowSum(weights: Float64Array, rows: number): number {
  const columns = weights.length / rows
  return range(rows).reduce((most, row) => {
    const sum = weights
      .subarray(row * columns, (row + 1) * columns)
      .reduce((total, weight) => total + Math.abs(weight), 0)
    return Math.max(most, sum)
  }, 0)
}

/** Samples between two looks at the budget: each takes its own matrix products. */
export const mostJacobians = 8

/** Spectral norms, one per sample, of the Jacobian of the last hidden layer with respect to the start of the MLP. */
export async function jacobianNorms(
  model: Classifier,
  mlp: Mlp,
  activations: ReadonlyMap<string, SmoothActivation>,
  values: (name: string) => ArrayLike<number>,
  count: number,
): Promise<Float64Array> {
  const norms = new Float64Array(count)
  for (const sample of range(count)) {
    let [jacobian, inputs] = [new Float64Array(0), 0]
    for (const { activation, value, weights, width } of mlp.hidden) {
      const { derivative } = activations.get(activation.operator)!
      const columns = weights.length / width
      const product = jacobian.length === 0 ? weights : multiply(weights, jacobian, width, columns)
      inputs = product.length / width
      const slopes = range(width).map((unit) => derivative(values(value)[sample * width + unit]))
      jacobian = product.map((entry, index) => entry * slopes[Math.floor(index / inputs)])
    }
    const rows = jacobian.length / inputs
    norms[sample] = (await spectralNorms(model, { count: 1, rows, columns: inputs, data: jacobian }))[0]
  }
  return norms
}

function multiply(left: Float64Array, right: Float64Array, rows: number, inner: number): Float64Array<ArrayBuffer> {
  const columns = right.length / inner
  const product = new Float64Array(rows * columns)
  for (let row = 0; row < rows; row++) {
    for (let at = 0; at < inner; at++) {
      const factor = left[row * inner + at]
      for (let column = 0; column < columns; column++)
        product[row * columns + column] += factor * right[at * columns + column]
    }
  }
  return product
}
