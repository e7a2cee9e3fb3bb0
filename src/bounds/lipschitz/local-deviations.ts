import type { Budget } from '../../budget.js'
import type { Norm } from '../../geometry/norm.js'
import { GraphBuilder } from '../../graph/builder.js'
import { elementCount, featureShape, type GraphNode, type Tensor } from '../../graph/graph.js'
import type { Classifier } from '../../model/classifier.js'
import type { RuleContext } from '../../operators/operator.js'
import { findOperator } from '../../operators/registry.js'
import { roundingOf } from '../../operators/rounding.js'
import { ruleContext } from '../../passes/context.js'
import type { Rows } from '../rows.js'
import type { Deviation } from './deviation.js'
import type { UnitWeights } from './falling-units.js'
import { type LayerByLayer, outwards } from './layer-by-layer.js'
import { budgetName, errorName, movedName, unitsName } from './local-graph.js'
import { nonlinearRules, poolGeometry } from './nonlinear-rules.js'
import { isPool, type PoolsFirst } from './pools-first.js'
import { type TileDetails, tileDetails } from './tile-details.js'

const { gamma } = roundingOf('covered')

/** What of a product can vanish, and of how few sums of them; per coefficient. */
const vanishing = 2 ** -100

/** How far values move over balls of given radii, as the local graph takes it. */
export class LocalDeviations {
  readonly details: ReadonlyMap<GraphNode, TileDetails>
  /** What coefficients that underflow can hide of each sample. */
  readonly vanishing: Float64Array
  readonly #layers: LayerByLayer
  readonly #norm: Norm
  readonly #radii: Float64Array
  readonly #swapped: PoolsFirst
  readonly #context: RuleContext
  readonly #names: ReadonlyMap<string, string>
  readonly #linear: ReadonlySet<string>

  /** Undefined when the budget ends. */
  static async of(
    model: Classifier,
    swapped: PoolsFirst,
    layers: LayerByLayer,
    norm: Norm,
    radii: Float64Array,
    budget: Budget,
  ): Promise<LocalDeviations | undefined> {
    const details = new Map<GraphNode, TileDetails>()
    for (const [pool, convolution] of poolsOfConvolutions(swapped, layers)) {
      const found = await tileDetails(model, convolution, budget)
      if (!found) return undefined
      details.set(pool, found)
    }
    return new LocalDeviations(swapped, layers, norm, radii, details)
  }

  private constructor(
    swapped: PoolsFirst,
    layers: LayerByLayer,
    norm: Norm,
    radii: Float64Array,
    details: ReadonlyMap<GraphNode, TileDetails>,
  ) {
    this.details = details
    this.#swapped = swapped
    this.#layers = layers
    this.#norm = norm
    this.#radii = radii
    const { graph } = swapped
    this.#context = ruleContext(graph, new GraphBuilder(graph.opset))
    this.#names = namesBefore(swapped)
    this.#linear = new Set([...layers.norms.linear.keys()].flatMap(({ outputs }) => outputs))
    this.vanishing = radii.map(() => 0)
    for (const node of graph.nodes) {
      for (const value of node.inputs.filter((name) => this.#context.isActivation(name))) {
        const width = elementCount(featureShape(this.#context.shape(value)) ?? [])
        this.#moved(value).forEach((moved, sample) => {
          this.vanishing[sample] += vanishing * width * moved
        })
      }
    }
  }

  /** Graph inputs; `values` are those whose bounds need to know how far they move. */
  feeds(values: readonly string[]): Record<string, Tensor> {
    const shape = [this.#radii.length]
    const feeds: Record<string, Tensor> = {}
    const wide = (data: Float64Array): Tensor => ({ type: 'float64', shape, data })
    for (const value of values) {
      feeds[movedName(value)] = { type: 'float32', shape, data: Float32Array.from(this.#moved(value)) }
    }
    const [{ name: input }] = this.#swapped.graph.inputs
    feeds[errorName(input)] = wide(this.#moved(input).map((moved) => gamma(8) * moved))
    for (const node of this.#swapped.graph.nodes) {
      node.outputs.forEach((output, index) => {
        const isKnown = this.#layers.moved.has(this.#names.get(output) ?? output)
        if (isKnown) feeds[errorName(output)] = wide(this.#errors(node, output, index))
      })
      const isLinear = findOperator(node)?.linear?.(node, this.#context) !== undefined
      // Of a Shape the input is an activation and the output none.
      if (!isLinear && this.#context.isActivation(node.outputs[0]))
        feeds[budgetName(node.outputs[0])] = wide(this.#budget(node))
    }
    return feeds
  }

  /** The same for the last hidden layer, where there are weights for its units: one row each. */
  async unitFeeds({ sample, plus, minus }: Rows): Promise<Record<string, Tensor>> {
    const units = this.#layers.fallingUnits
    if (!units) return {}
    const [moved, errors] = [this.#moved(units.source), this.#own(units.value)]
    const found: UnitWeights[] = []
    for (const [row, label] of plus.entries()) found.push(await units.get(label, minus[row]))
    // No unit weighs more than 1, so that errors count once.
    const budget = Float64Array.from(sample, (of, row) => outwards * (found[row].norm * moved[of] + errors[of]))
    const width = found[0].inverseRoots.length
    const data = new Float64Array(sample.length * width)
    found.forEach(({ inverseRoots }, row) => data.set(inverseRoots, row * width))
    const shape = featureShape(this.#context.shape(units.output))!
    return {
      [budgetName(units.output)]: { type: 'float64', shape: [sample.length], data: budget },
      [unitsName(units.output)]: { type: 'float64', shape: [sample.length, ...shape], data },
    }
  }

  #at({ gain, error }: Deviation): Float64Array {
    return this.#radii.map((radius, sample) => outwards * (gain * radius + error[sample]))
  }

  /**
   * What the node that makes a value rounds in the model at the other end. Linear nodes round next to nothing at the
   * centre, in float64; kernels of functions may be no better there.
   */
  #own(value: string): Float64Array {
    const errors = this.#layers.ownErrors.get(value)
    if (!errors) return this.#radii.map(() => 0)
    return this.#at(this.#linear.has(value) ? errors.inexact : errors.moved).map((error) => (1 + 2 ** -20) * error)
  }

  /** Relu and MaxPool have one constant, so that a pool that was moved moves by no more than what it gave before. */
  #moved(value: string): Float64Array {
    return this.#at(this.#layers.moved.get(this.#names.get(value) ?? value)!)
  }

  /** What the model rounds at both ends, and what coefficients lose by rounding on their way through the node. */
  #errors(node: GraphNode, output: string, index: number): Float64Array {
    const own = this.#own(output)
    const errors = this.#moved(output).map((moved, sample) => gamma(8) * moved + own[sample])
    for (const [position, factor] of this.#factors(node, index)) {
      this.#moved(node.inputs[position]).forEach((moved, sample) => (errors[sample] += factor * moved))
    }
    return errors
  }

  /** Of each input that is an activation: how far coefficients as computed can be from those that should be. */
  #factors(node: GraphNode, index: number): [number, number][] {
    const linear = findOperator(node)?.linear?.(node, this.#context)
    const positions = node.inputs.flatMap((input, at) => (this.#context.isActivation(input) ? [at] : []))
    if (!linear) {
      const { lipschitz } = nonlinearRules.get(node.operator)!(node, this.#norm, this.#context)
      const summed = isPool(node) ? elementCount(poolGeometry(node, this.#context).kernel) : 0
      return positions.map((at) => [at, gamma(summed + 16) * lipschitz])
    }
    const outputs = node.outputs.map((output) => elementCount(featureShape(this.#context.shape(output)) ?? []))
    const fanOut = linear.fanOut?.(node, this.#context) ?? outputs.reduce((sum, count) => sum + count, 0)
    const norms = this.#layers.norms.linear.get(node)!
    return positions.map((at) => [at, gamma(fanOut + 8) * norms[at]![index].absolute])
  }

  #budget(node: GraphNode): Float64Array {
    const [value] = node.inputs
    const details = this.details.get(node)
    if (!details) {
      const { lipschitz } = nonlinearRules.get(node.operator)!(node, this.#norm, this.#context)
      return this.#moved(value).map((moved) => (isPool(node) ? lipschitz : 1) * moved)
    }
    const { convolution, norm, shares } = details
    const spread = 1 / Math.sqrt(shares.reduce((least, share) => Math.min(least, share)))
    const errors = this.#own(convolution.outputs[0])
    return this.#moved(convolution.inputs[0]).map(
      (moved, sample) => outwards * (norm * moved + spread * errors[sample]),
    )
  }
}

/** What values are called before pools were moved, by what they are called now, where that is something else. */
function namesBefore({ outputs }: PoolsFirst): ReadonlyMap<string, string> {
  return new Map([...outputs].map(([before, now]) => [now, before]))
}

/** The pools that have a constant together with a convolution, and read what it gives: a Relu bends what tiles have in common. */
function poolsOfConvolutions(
  swapped: PoolsFirst,
  { norms }: LayerByLayer,
): [pool: GraphNode, convolution: GraphNode][] {
  const names = namesBefore(swapped)
  const pooled = new Map([...norms.pooled].map(([{ outputs }, { convolution }]) => [outputs[0], convolution]))
  return swapped.graph.nodes.flatMap((node): [GraphNode, GraphNode][] => {
    const convolution = pooled.get(names.get(node.outputs[0]) ?? node.outputs[0])
    const isDirect = node.operator === 'MaxPool' && convolution?.outputs[0] === node.inputs[0]
    return isDirect ? [[node, convolution]] : []
  })
}
