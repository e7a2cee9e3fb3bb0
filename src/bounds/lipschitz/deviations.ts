import type { Norm } from '../../geometry/norm.js'
import { GraphBuilder } from '../../graph/builder.js'
import { elementCount, featureShape, type GraphNode, type TypedGraph } from '../../graph/graph.js'
import type { LinearRules, RuleContext } from '../../operators/operator.js'
import { noBoundRule } from '../../operators/refuse.js'
import { findOperator } from '../../operators/registry.js'
import { roundingOf } from '../../operators/rounding.js'
import { ruleContext } from '../../passes/context.js'
import { concatenation, constant, type Deviation, maximum, scale, sum } from './deviation.js'
import type { LinearNorm, LinearNorms } from './linear-norms.js'
import { nonlinearRules } from './nonlinear-rules.js'
import type { PooledConvolution } from './pooled-convolutions.js'
import { channelSizeName, sizeName } from './sizes.js'

/** How far the values of the model can move over a ball of any radius. */
export interface Deviations {
  /** Per value: norm of the difference between the centre and any other input of the ball, both as computed in float32. */
  readonly moved: ReadonlyMap<string, Deviation>
  /** Per value: what the rounding of the node that makes it adds to that, and to what is inexact. */
  readonly ownErrors: ReadonlyMap<string, { readonly moved: Deviation; readonly inexact: Deviation }>
  /** Of the logits, at any input of the ball: norm of the difference between them as computed and in exact arithmetic. */
  readonly inexact: Deviation
  /** Of the logits: what their last linear nodes add by rounding, and carry on. */
  readonly rounded: Deviation
  /** Larger than all numbers that linear nodes compute. */
  readonly numbers: Deviation
  /** All of this holds as long as these, bounds of what the model computes, stay below `largest`. */
  readonly reaches: readonly Reach[]
}

export interface Reach extends Deviation {
  readonly largest: Float64Array
}

/** Constants of the layers of a model. */
export interface LayerNorms {
  readonly linear: LinearNorms
  /** In ℓ2, of max pools together with the convolutions before them. */
  readonly pooled: ReadonlyMap<GraphNode, PooledConvolution>
}

/**
 * Layer by layer, from the input on: a node with Lipschitz constant L whose input moves by at most d moves by at most L·d,
 * plus the rounding errors at both ends. Branches add up (residual connections), those of a Concat as its norm says.
 * `sizes` are the results of the sizes graph, with that of the input. docs/bounds.md has the derivation.
 * @throws UnsupportedOperatorError for a nonlinear operator without a Lipschitz constant.
 */
export function deviations(
  graph: TypedGraph,
  norm: Norm,
  norms: LayerNorms,
  sizes: ReadonlyMap<string, Float64Array>,
): Deviations {
  const walk = new Walk(graph, norm, norms, sizes)
  for (const node of graph.nodes) walk.visit(node)
  return walk.result()
}

const { gamma, underflow } = roundingOf('covered')

class Walk {
  readonly #graph: TypedGraph
  readonly #norm: Norm
  readonly #norms: LayerNorms
  readonly #sizes: ReadonlyMap<string, Float64Array>
  readonly #context: RuleContext
  readonly #moved = new Map<string, Deviation>()
  readonly #inexact = new Map<string, Deviation>()
  readonly #rounded = new Map<string, Deviation>()
  /** What the rounding of the node that makes a value adds to what moved, and to what is inexact. */
  readonly #ownErrors = new Map<string, { readonly moved: Deviation; readonly inexact: Deviation }>()
  readonly #none: Deviation
  readonly #reaches: Reach[] = []
  #numbers: Deviation
  // Larger numbers may overflow.
  #largest = 2 ** 126

  constructor(graph: TypedGraph, norm: Norm, norms: LayerNorms, sizes: ReadonlyMap<string, Float64Array>) {
    this.#graph = graph
    this.#norm = norm
    this.#norms = norms
    this.#sizes = sizes
    this.#context = ruleContext(graph, new GraphBuilder(graph.opset))
    const [{ name: input }] = graph.inputs
    const size = sizes.get(sizeName(input))!
    this.#none = constant(new Float64Array(size.length))
    this.#numbers = { gain: 1, error: size }
    this.#moved.set(input, { ...this.#none, gain: 1 })
    this.#inexact.set(input, this.#none)
  }

  result(): Deviations {
    const [{ name: logits }] = this.#graph.outputs
    const reach = { ...this.#numbers, largest: this.#none.error.map(() => this.#largest) }
    return {
      moved: this.#moved,
      ownErrors: this.#ownErrors,
      inexact: this.#inexact.get(logits)!,
      rounded: this.#rounded.get(logits) ?? this.#none,
      numbers: this.#numbers,
      reaches: [...this.#reaches, reach],
    }
  }

  visit(node: GraphNode): void {
    if (!node.outputs.some((output) => this.#context.isActivation(output))) return
    // The Indices of a MaxPool, say, are activations whose movement means nothing.
    const isKnown = (input: string) => !this.#context.isActivation(input) || this.#moved.has(input)
    if (!node.inputs.every(isKnown)) throw noBoundRule(node)
    const linear = findOperator(node)?.linear?.(node, this.#context)
    if (!linear) this.#visitNonlinear(node)
    else node.outputs.forEach((output, index) => this.#visitLinear(node, linear, output, index))
  }

  #visitLinear(node: GraphNode, linear: LinearRules, output: string, index: number): void {
    const terms = linear.terms(node, this.#context)
    const allowance = terms === 1 ? 0 : gamma(terms + 8)
    const carry = (values: ReadonlyMap<string, Deviation>, kind: keyof LinearNorm) => {
      const parts = node.inputs.flatMap((input, at) => {
        const value = values.get(input)
        return value ? [scale(value, this.#norms.linear.get(node)![at]![index][kind])] : []
      })
      if (parts.length === 0) return this.#none
      return node.operator === 'Concat' ? concatenation(parts, this.#norm) : sum(parts)
    }
    const lost = allowance > 0 ? underflow * this.#normOfOnes(output) : 0
    const size = this.#sizes.get(sizeName(output)) ?? this.#none.error
    // Sizes are rounded themselves.
    const sizeAtCentre = constant(size.map((value) => (1 + 4 * allowance) * value + lost))
    const sizeElsewhere = sum([sizeAtCentre, carry(this.#moved, 'absolute')])
    this.#numbers = maximum([this.#numbers, sizeElsewhere])
    const underflows = constant(size.map(() => lost))
    const elsewhere = sum([scale(sizeElsewhere, allowance), underflows])
    const both = sum([elsewhere, scale(sizeAtCentre, allowance), underflows])
    this.#ownErrors.set(output, { moved: both, inexact: elsewhere })
    this.#moved.set(output, sum([carry(this.#moved, 'signed'), both]))
    this.#inexact.set(output, sum([carry(this.#inexact, 'signed'), elsewhere]))
    this.#rounded.set(output, sum([carry(this.#rounded, 'signed'), both]))
  }

  #visitNonlinear(node: GraphNode): void {
    const inputs = node.inputs.filter((input) => this.#context.isActivation(input))
    const rule = nonlinearRules.get(node.operator)?.(node, this.#norm, this.#context)
    if (!rule || inputs.length !== 1) throw noBoundRule(node)
    const [output] = node.outputs
    const { lipschitz, relativeError, absoluteError, largestInput = this.#largest, growth } = rule
    const [arriving, drift] = [this.#moved, this.#inexact].map((values) => values.get(inputs[0])!)
    this.#largest = Math.min(this.#largest, largestInput)
    const channelSize = this.#sizes.get(channelSizeName(output)) ?? this.#none.error
    // Where the error grows with the input, that may move as far again as it is from 0, or from where growth begins.
    const room = channelSize.map((value) => (growth ? value + Math.sqrt(1 / growth.rate) / 2 ** 8 : 0))
    if (growth) this.#reaches.push({ ...arriving, largest: room })
    const relative = room.map((value, sample) => {
      const error = relativeError + (growth ? growth.rate * (channelSize[sample] + growth.spread * value) ** 2 : 0)
      // The outputs at hand carry the error already.
      return error < 0.25 ? error / (1 - error) : Number.POSITIVE_INFINITY
    })
    const size = this.#sizes.get(sizeName(output)) ?? this.#none.error
    const least = 1.5 * absoluteError * this.#normOfOnes(output)
    const atCentre = constant(size.map((value, sample) => (value > 0 ? relative[sample] * value : 0) + least))
    const beyond = growth
      ? constant(room.map((value, sample) => lipschitz * relative[sample] * value))
      : scale(arriving, (lipschitz * relativeError) / (1 - relativeError))
    const elsewhere = sum([atCentre, beyond])
    const both = sum([elsewhere, atCentre])
    this.#ownErrors.set(output, { moved: both, inexact: elsewhere })
    this.#moved.set(output, sum([scale(arriving, lipschitz), both]))
    this.#inexact.set(output, sum([scale(drift, lipschitz), elsewhere]))
    this.#improvePool(node)
  }

  /** Where a pool and the convolution before it have a constant together: the errors of that are all there are besides. */
  #improvePool(node: GraphNode): void {
    const pooled = this.#norms.pooled.get(node)
    if (!pooled) return
    const { convolution, norm } = pooled
    const [output] = node.outputs
    const own = this.#ownErrors.get(convolution.outputs[0])!
    for (const [values, error] of [
      [this.#moved, own.moved],
      [this.#inexact, own.inexact],
    ] as const) {
      const together = sum([scale(values.get(convolution.inputs[0])!, norm), error])
      if (together.gain < values.get(output)!.gain) values.set(output, together)
    }
  }

  #normOfOnes(value: string): number {
    const elements = elementCount(featureShape(this.#context.shape(value)) ?? [])
    return { linf: 1, l2: Math.sqrt(elements), l1: elements }[this.#norm]
  }
}

/** The outputs of nonlinear nodes, or the input, from which the logits are reached through linear nodes alone. */
export function lastNonlinearOutputs(graph: TypedGraph): string[] {
  const context = ruleContext(graph, new GraphBuilder(graph.opset))
  const producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)))
  const frontier = new Set<string>()
  const seen = new Set<string>()
  const visit = (value: string) => {
    if (seen.has(value)) return
    seen.add(value)
    const node = producers.get(value)
    if (!node || !findOperator(node)?.linear?.(node, context)) frontier.add(value)
    else for (const input of node.inputs) if (context.isActivation(input)) visit(input)
  }
  visit(graph.outputs[0].name)
  return [...frontier]
}
