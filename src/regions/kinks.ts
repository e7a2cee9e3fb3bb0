import { UnsupportedOperatorError } from '../errors.js'
import { GraphBuilder } from '../graph/builder.js'
import {
  elementCount,
  featureShape,
  type GraphNode,
  intAttribute,
  intsAttribute,
  nodeLabel,
  type TypedGraph,
} from '../graph/graph.js'
import type { RuleContext } from '../operators/operator.js'
import { findOperator } from '../operators/registry.js'
import { windowGeometry, windows } from '../operators/windows.js'
import { ruleContext } from '../passes/context.js'

/** A value of the model whose entries decide which linear piece of an operator applies. */
export interface Kink {
  readonly value: string
  /** Number of its entries. */
  readonly size: number
  /**
   * Of pools: for each window the entries that it takes the maximum of. Without: an entry below zero and one above are on
   * different pieces.
   */
  readonly windows?: readonly (readonly number[])[]
}

const bentAtZero = new Set(['Relu', 'LeakyRelu', 'PRelu', 'Abs'])

/**
 * The kinks of a piecewise affine model, in the order of its nodes.
 * @throws UnsupportedOperatorError for an operator that is not piecewise affine, or whose pieces are not known here.
 */
export function kinksOf(graph: TypedGraph): Kink[] {
  const context = ruleContext(graph, new GraphBuilder(graph.opset))
  const active = graph.nodes.filter((node) => node.outputs.some(context.isActivation))
  return active.flatMap((node): Kink[] => {
    if (findOperator(node)?.linear?.(node, context)) return []
    const [value] = node.inputs
    const shape = featureShape(context.shape(value))
    if (shape && bentAtZero.has(node.operator)) return [{ value, size: elementCount(shape) }]
    if (shape && (node.operator === 'MaxPool' || node.operator === 'GlobalMaxPool')) {
      return [{ value, size: elementCount(shape), windows: windowsOf(node, shape, context) }]
    }
    throw new UnsupportedOperatorError({
      operator: node.operator,
      node: nodeLabel(node),
      analysis: 'linear region',
      remedy: 'Linear regions are known of models made of affine operators, ReLU, LeakyReLU, Abs and max pooling.',
    })
  })
}

function windowsOf(node: GraphNode, shape: readonly number[], _context: RuleContext): number[][] {
  const [channels, ...inputSizes] = shape
  const positions = elementCount(inputSizes)
  const perChannel = (channel: number, taps: readonly number[]) =>
    taps.filter((tap) => tap >= 0).map((tap) => channel * positions + tap)
  const all = Array.from({ length: channels }, (_, channel) => channel)
  if (node.operator === 'GlobalMaxPool') {
    return all.map((channel) =>
      perChannel(
        channel,
        Array.from({ length: positions }, (_, tap) => tap),
      ),
    )
  }
  const kernel = intsAttribute(node, 'kernel_shape')!
  const geometry = windowGeometry(node, inputSizes, kernel, intAttribute(node, 'ceil_mode', 0) === 1)
  const { taps } = windows(geometry)
  const elements = elementCount(kernel)
  const starts = Array.from({ length: taps.length / elements }, (_, window) => window * elements)
  return all.flatMap((channel) =>
    starts.map((start) => perChannel(channel, Array.from(taps.subarray(start, start + elements)))),
  )
}
