import type { GraphNode, TypedGraph } from '../graph/graph.js'
import { emitPresent } from '../operators/absent.js'
import { sumOfMagnitudes } from '../operators/batch-invariant.js'
import { emitIntercepts, emitNonNegative, emitParts } from '../operators/lines.js'
import type {
  Interval,
  Line,
  LinearRules,
  Lines,
  RelaxationContext,
  RelaxationRules,
  RowContext,
  Tiles,
} from '../operators/operator.js'
import { findOperator } from '../operators/registry.js'
import { valueShape } from '../operators/samples.js'
import { emitMagnitude } from './interval.js'
import { emitOffsets } from './linear-offsets.js'
import { emitBoxMinimum, type Minimum } from './row-sums.js'
import { emitAtSeeds, emitSeed, type SeedRows } from './seed.js'
import { emitTranspose } from './transposed-rows.js'

/** Where the linear functions stop: at the model's input, or already at the outputs of the last nonlinear operators. */
export type Frontier = 'input' | 'last nonlinear outputs'

/** Which line to take below an elementwise operator. */
export type LowerLine = (lines: Lines) => Line

export const adaptiveLine: LowerLine = ({ lower }) => lower
export const flattestLine: LowerLine = ({ lower, flattest }) => flattest ?? lower
export const steepestLine: LowerLine = ({ lower, steepest }) => steepest ?? lower

/** Operators whose outputs are as many as their inputs, and none larger. */
const notGrowing: ReadonlySet<string> = new Set(['Relu', 'Reshape', 'Flatten', 'Transpose', 'Squeeze', 'Unsqueeze'])

/** What to relax, and how. */
export interface RelaxationRequest {
  /** The linear functions are of this value. */
  readonly target: string
  readonly rows: SeedRows
  readonly frontier: Frontier
  /** The last step at the input: a lower bound of each row's linear function there. */
  minimize(coefficients: string): Minimum
  readonly lowerLine: LowerLine
  /**
   * For nodes with a choice of lines: how much of each positive coefficient takes the steepest line, the rest taking the
   * flattest; one row each. Without it, all of them take `lowerLine`.
   */
  share?(node: GraphNode): string | undefined
}

/** Linear functions on their way back, with all that {@link emitSteeper} needs to follow points the other way. */
export interface Relaxation {
  /** A lower bound of each row. */
  readonly bound: string
  /** The bound less what depends on the input: rows are at least this and their coefficients times the input. */
  readonly constant: string
  /** Where each row's function of the input is smallest; undefined where there is none. */
  readonly minimiser: string | undefined
  /** Coefficients of the rows over all values on the way. */
  readonly gradients: ReadonlyMap<string, string>
  /** Which values each nonlinear node was relaxed over, and the share of the steepest line where there is a choice. */
  readonly relaxed: ReadonlyMap<GraphNode, RelaxedNode>
  /** Values of linear nodes whose constant part is in the relaxation of what follows them. */
  readonly taken: ReadonlySet<string>
  contextWith(lowerLine: LowerLine): RelaxationContext
}

export interface RelaxedNode {
  readonly rules: RelaxationRules
  readonly inputs: readonly string[]
  readonly hasChoice: boolean
  readonly share?: string
}

/**
 * CROWN (Zhang et al. 2018, Algorithm 1), any graph: carries one linear function per row back to the frontier, and gives
 * a lower bound of each over all inputs that the intervals of the context allow.
 */
export function emitRelaxation(graph: TypedGraph, request: RelaxationRequest, outer: RowContext): Relaxation {
  const walk = new BackwardWalk(graph, request, outer)
  for (const node of graph.nodes.toReversed()) walk.visit(node)
  return walk.finish()
}

/** Linear functions on their way from the target back to the input, node by node. */
class BackwardWalk {
  readonly #graph: TypedGraph
  readonly #request: RelaxationRequest
  readonly #context: RelaxationContext
  readonly #seed: string
  readonly #gradients: Map<string, string>
  /** What adds up to the bounds, besides what depends on the input. */
  readonly #summands: string[] = []
  readonly #taken = new Set<string>()
  /** The same coefficients as some of the gradients have, before they were put in place. */
  readonly #tiles = new Map<string, Tiles>()
  readonly #relaxed = new Map<GraphNode, RelaxedNode>()

  constructor(graph: TypedGraph, request: RelaxationRequest, outer: RowContext) {
    const { target, rows, lowerLine } = request
    this.#graph = graph
    this.#request = request
    this.#seed = emitSeed(rows.plus, rows.minus, valueShape(target, outer), outer.builder)
    this.#gradients = new Map([[target, this.#seed]])
    const context: RelaxationContext = {
      ...outer,
      offset: (value) => {
        const node = soleProducer(value, target, graph)
        const linear = node && node.outputs.length === 1 && findOperator(node)?.linear?.(node, outer)
        if (!linear) return undefined
        this.#taken.add(value)
        return emitOffsets(node, linear, context)?.[0]
      },
      linesBefore: (value) => {
        const node = soleProducer(value, target, graph)
        const lines = node && findOperator(node)?.relaxation?.lines?.(node, context)
        return lines && { input: node.inputs[0], lines }
      },
      lowerLine,
    }
    this.#context = context
  }

  visit(node: GraphNode): void {
    const outputs = node.outputs.map((output) => this.#gradients.get(output))
    if (outputs.every((gradient) => gradient === undefined)) return
    const linear = findOperator(node)?.linear?.(node, this.#context)
    if (linear) this.#passLinear(node, linear, outputs)
    else this.#passNonlinear(node, outputs[0]!)
  }

  finish(): Relaxation {
    const { target, minimize } = this.#request
    const context = this.#context
    const { builder, rounding } = context
    const gradients = this.#gradients
    const atInput = gradients.get(this.#graph.inputs[0].name)
    const minimum = atInput === undefined ? undefined : minimize(atInput)
    // The seed is no product.
    const values = [...gradients.keys()].filter((value) => value !== target)
    const exact = this.#summands.length > 0 ? sumOf(this.#summands, context) : emitZeros(this.#seed, context)
    const covers = rounding.mode === 'covered' && values.length > 0
    const constant = covers ? builder.add('Sub', [exact, this.#underflow(values)]) : exact
    return {
      bound: minimum ? builder.add('Add', [constant, minimum.bound]) : constant,
      constant,
      minimiser: minimum?.point,
      gradients,
      relaxed: this.#relaxed,
      taken: this.#taken,
      contextWith: this.#contextWith,
    }
  }

  readonly #contextWith = (lowerLine: LowerLine): RelaxationContext => ({ ...this.#context, lowerLine })

  #passLinear(node: GraphNode, linear: LinearRules, outputs: readonly (string | undefined)[]): void {
    const context = this.#context
    const { rows, target } = this.#request
    const isTaken = node.outputs.some((output) => this.#taken.has(output))
    const offsets = isTaken ? undefined : emitOffsets(node, linear, context)
    outputs.forEach((gradient, index) => {
      if (gradient === undefined || !offsets) return
      const { lower, upper } = this.#present(offsets[index], node.outputs[index])
      this.#summands.push(
        gradient === this.#seed
          ? emitAtSeeds(rows, lower, upper, target, context)
          : emitIntercepts(gradient, lower, upper, node.outputs[index], context)!,
      )
    })
    const tiled = this.#tiles.get(outputs[0] ?? '')
    const seeds = outputs[0] === this.#seed ? rows : undefined
    emitTranspose(node, linear, outputs, tiled, context, seeds).forEach((gradient, index) => {
      const input = node.inputs[index]
      if (gradient === undefined || !context.isActivation(input)) return
      // Only what sums over windows reaches into the padding.
      const mask = node.operator === 'Conv' ? context.mask(input) : undefined
      this.#accumulate(input, mask === undefined ? gradient : context.builder.add('Mul', [gradient, mask]))
    })
  }

  /** Products of coefficients that underflow lose at most this much of each value that they multiply. */
  #underflow(values: readonly string[]): string {
    const context = this.#context
    const { builder, rounding } = context
    const sums = values.map((value) => this.#size(context.whole.value(value), this.#dropsAbsent(value)))
    const total = builder.add('Add', [sumOf(sums, context), builder.scalar(1)])
    return context.numbers(builder.add('Mul', [total, builder.scalar(4 * rounding.underflow)]))
  }

  /** Per sample, no less than the sum of the magnitudes of a value. */
  #size(value: string, dropsAbsent: boolean): string {
    const { builder, samples } = this.#context
    const producer = samples.graph.nodes.find(({ outputs }) => outputs.includes(value))
    if (producer && notGrowing.has(producer.operator)) return this.#size(producer.inputs[0], false)
    const axes = builder.ints(valueShape(value, samples).map((_, axis) => axis + 1))
    const magnitude = emitMagnitude(value, samples)
    const present = dropsAbsent ? emitPresent(magnitude, value, samples) : magnitude
    return builder.add(sumOfMagnitudes, [present, axes], { keepdims: 0 })
  }

  /** Numbers of a value, one slice per sample; zeros for what is absent if coefficients over that are zeros. */
  #present({ lower, upper }: Interval, value: string): Interval {
    if (!this.#dropsAbsent(value)) return { lower, upper }
    const { samples, whole } = this.#context
    const [below, above] = [lower, upper].map((bound) => emitPresent(bound, whole.value(value), samples))
    return { lower: below, upper: above }
  }

  /** Whether all coefficients over a value come from an operator that has none over what is absent. */
  #dropsAbsent(value: string): boolean {
    const users = this.#graph.nodes.filter(({ inputs }) => inputs.includes(value))
    return (
      value !== this.#request.target &&
      users.length === 1 &&
      findOperator(users[0])?.relaxation?.dropsAbsent === true &&
      this.#request.frontier === 'input'
    )
  }

  #passNonlinear(node: GraphNode, gradient: string): void {
    const context = this.#context
    const { builder, samples, whole } = context
    const { frontier, lowerLine, share } = this.#request
    const [output] = node.outputs
    const rules = findOperator(node)?.relaxation
    // Without a rule for lines the interval is what is known.
    if (!rules || frontier === 'last nonlinear outputs') {
      this.#summands.push(emitBoxMinimum(gradient, samples.interval(whole.value(output)), output, context))
      return
    }
    const hasChoice = isChoice(node, rules, context)
    const shareHere = hasChoice ? share?.(node) : undefined
    if (shareHere === undefined) {
      this.#relaxed.set(node, { rules, hasChoice, inputs: this.#relax(node, rules, gradient, lowerLine) })
      return
    }
    const { positive } = emitParts(gradient, builder)
    const steep = emitNonNegative(builder.add('Mul', [positive, shareHere]), builder)
    this.#charge(output, gradient, true)
    this.#relax(node, rules, builder.add('Sub', [gradient, steep]), flattestLine)
    const inputs = this.#relax(node, rules, steep, steepestLine)
    this.#relaxed.set(node, { rules, hasChoice, share: shareHere, inputs })
  }

  /** Replaces a node by lines; returns the values that these are functions of. */
  #relax(node: GraphNode, rules: RelaxationRules, gradient: string, lowerLine: LowerLine): string[] {
    const replaced = rules.backward(node, gradient, this.#contextWith(lowerLine))
    const { input, gradient: before, constant, others = [], tiles } = replaced
    if (constant !== undefined) this.#summands.push(constant)
    if (tiles) this.#tiles.set(before, tiles)
    this.#accumulate(input, before)
    for (const other of others) this.#accumulate(other.input, other.gradient)
    return [input, ...others.map((other) => other.input)]
  }

  #accumulate(value: string, gradient: string): void {
    const { builder } = this.#context
    const known = this.#gradients.get(value)
    if (known === undefined) {
      this.#gradients.set(value, gradient)
      return
    }
    const total = builder.add('Add', [known, gradient])
    this.#gradients.set(value, total)
    const [tilesOfKnown, tilesOfGradient] = [this.#tiles.get(known), this.#tiles.get(gradient)]
    if (tilesOfKnown && tilesOfGradient) {
      const perElement = builder.add('Add', [tilesOfKnown.perElement, tilesOfGradient.perElement])
      this.#tiles.set(total, { ...tilesOfKnown, perElement })
    }
    this.#charge(value, total)
  }

  /** Pays for one rounding of coefficients over a value; of the positive ones only, if so. */
  #charge(value: string, coefficients: string, positiveOnly = false): void {
    const context = this.#context
    const { builder, rounding } = context
    if (rounding.mode === 'ignored') return
    const magnitude = emitMagnitude(context.whole.value(value), context.samples)
    const error = builder.add('Mul', [magnitude, builder.scalar(rounding.gamma(8))])
    const above = positiveOnly ? undefined : error
    this.#summands.push(emitIntercepts(coefficients, builder.add('Neg', [error]), above, value, context)!)
  }
}

/** Whether a node, or the elementwise one that it folds into itself, has several lines below. */
function isChoice(node: GraphNode, rules: RelaxationRules, context: RelaxationContext): boolean {
  const folded = () => (rules.matters ? context.linesBefore(node.inputs[0])?.lines : undefined)
  const lines = rules.lines ? rules.lines(node, context) : folded()
  return lines?.flattest !== undefined && lines.steepest !== undefined
}

/** The node that makes a value which one node alone uses. */
function soleProducer(value: string, target: string, graph: TypedGraph): GraphNode | undefined {
  const uses = graph.nodes.flatMap(({ inputs }) => inputs.filter((input) => input === value)).length
  return uses === 1 && value !== target ? graph.nodes.find(({ outputs }) => outputs.includes(value)) : undefined
}

function sumOf(parts: readonly string[], { builder }: RowContext): string {
  return parts.reduce((sum, part) => builder.add('Add', [sum, part]))
}

function emitZeros(seed: string, { builder }: RowContext): string {
  const rows = builder.add('Shape', [seed], { start: 0, end: 1 })
  return builder.add('Expand', [builder.scalar(0), rows])
}
