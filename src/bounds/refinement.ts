import type { Budget } from '../budget.js'
import type { Results } from '../engine/engine.js'
import { GraphBuilder } from '../graph/builder.js'
import type { Tensor, TypedGraph } from '../graph/graph.js'
import type { Classifier } from '../model/classifier.js'
import { elementsPerSample } from '../model/predict-classes.js'
import { findOperator } from '../operators/registry.js'
import {
  dualNormsName,
  hasDualNorms,
  intervalGraph,
  isExactInterval,
  lowerName,
  relaxationGraph,
  upperName,
} from '../passes/bound-graphs.js'
import { ruleContext } from '../passes/context.js'
import { cropAround } from '../passes/crop.js'
import type { Frontier } from '../passes/relaxation.js'
import type { Inputs } from '../sampling/samples.js'
import { dualNormsOf } from './dual-norms.js'
import { type BallSettings, type FloatArray, floatArray, inputBall } from './input-ball.js'
import { croppedRows, marginRows, type Rows, rowFeeds } from './rows.js'
import { rowsPerRun, stageOf } from './stage.js'

/** Bounds of the values of a model over balls around some inputs; they get tighter as {@link refine} goes on. */
export class Refinement {
  readonly #model: Classifier
  readonly #settings: BallSettings
  readonly #count: number
  readonly #feeds: Record<string, Tensor> = {}
  readonly #known = new Set<string>()

  constructor(model: Classifier, inputs: Inputs, epsilon: ArrayLike<number>, settings: BallSettings) {
    this.#model = model
    this.#settings = settings
    this.#count = inputs.shape[0]
    const { centre, radius, lower, upper } = inputBall(inputs, epsilon, model.domain, settings)
    const [{ name }] = model.graph.inputs
    this.#feeds.centre = this.#tensor(centre, inputs.shape)
    this.#feeds.radius = this.#tensor(radius, [this.#count])
    this.#feeds[lowerName(name)] = this.#tensor(lower, inputs.shape)
    this.#feeds[upperName(name)] = this.#tensor(upper, inputs.shape)
  }

  /** CROWN's intermediate bounds: of the inputs of all nonlinear nodes, in order. */
  async refine(budget: Budget): Promise<void> {
    const { graph } = this.#model
    for (const value of nonlinearInputs(graph)) {
      if (!(await budget.next())) return
      const isExact = isExactInterval(graph, value, this.#settings)
      const { lower, upper, loose } = await this.#intervals(value, !isExact)
      const bounds = { lower: lower.data as FloatArray, upper: upper.data as FloatArray }
      if (!isExact) await this.#tighten(value, bounds, loose.data as Uint8Array)
      this.#know(value, bounds, lower.shape)
    }
  }

  /** Only what the ball itself says about values that are linear in the input: the box around an ℓ2 or ℓ1 ball is large. */
  async refineLinear(): Promise<void> {
    const { graph } = this.#model
    for (const value of nonlinearInputs(graph)) {
      if (!hasDualNorms(graph, value, this.#settings)) continue
      const { lower, upper } = await this.#intervals(value, false)
      this.#know(value, { lower: lower.data as FloatArray, upper: upper.data as FloatArray }, lower.shape)
    }
  }

  /** Lower bounds of f_label − f_j, [n, classes], 0 in the column of the label; −∞ where the arithmetic broke down. */
  async margins(labels: Int32Array, frontier: Frontier): Promise<Float64Array> {
    const { classes, graph } = this.#model
    const rows = marginRows(labels, classes)
    const bounds = await this.#bound(graph.outputs[0].name, rows, frontier)
    const margins = new Float64Array(this.#count * classes)
    bounds.forEach((bound, row) => {
      margins[rows.sample[row] * classes + rows.minus[row]] = Number.isFinite(bound) ? bound : Number.NEGATIVE_INFINITY
    })
    return margins
  }

  #know(value: string, bounds: { lower: FloatArray; upper: FloatArray }, shape: readonly number[]): void {
    this.#feeds[lowerName(value)] = this.#tensor(bounds.lower, shape)
    this.#feeds[upperName(value)] = this.#tensor(bounds.upper, shape)
    this.#known.add(value)
  }

  async #intervals(value: string, selects: boolean): Promise<Results> {
    const { graph } = this.#model
    if (hasDualNorms(graph, value, this.#settings)) {
      this.#feeds[dualNormsName(value)] = await dualNormsOf(
        this.#model,
        value,
        this.#settings.norm,
        this.#settings.precision,
      )
    }
    const known = [...this.#known].join()
    const key = `interval ${selects ? 'and loose ' : ''}${value} ${describe(this.#settings)} given ${known}`
    const stage = await stageOf(this.#model, key, () =>
      intervalGraph(graph, value, this.#known, this.#settings, selects),
    )
    return stage.run(this.#feeds)
  }

  async #tighten(value: string, { lower, upper }: { lower: FloatArray; upper: FloatArray }, loose: Uint8Array) {
    const width = lower.length / this.#count
    const rows = { sample: [] as number[], plus: [] as number[], minus: [] as number[] }
    loose.forEach((isLoose, index) => {
      if (!isLoose) return
      const sample = Math.floor(index / width)
      rows.sample.push(sample, sample)
      rows.plus.push(index % width, -1)
      rows.minus.push(-1, index % width)
    })
    const bounds = await this.#bound(value, rows, 'input')
    // A bound that is NaN is not larger, so that the interval stays.
    bounds.forEach((bound, row) => {
      const [sample, plus, minus] = [rows.sample[row], rows.plus[row], rows.minus[row]]
      const index = sample * width + (plus < 0 ? minus : plus)
      if (plus >= 0 && bound > lower[index]) lower[index] = bound
      if (minus >= 0 && -bound < upper[index]) upper[index] = -bound
    })
    // Only where rounding is ignored can the two bounds pass each other.
    upper.forEach((bound, index) => {
      if (lower[index] > bound) [lower[index], upper[index]] = [bound, lower[index]]
    })
  }

  async #bound(target: string, rows: Rows, frontier: Frontier): Promise<FloatArray> {
    const total = rows.sample.length
    const bounds = floatArray(this.#settings.precision, total)
    if (total === 0) return bounds
    const { graph } = this.#model
    const key = `relaxation ${target} to ${frontier} ${describe(this.#settings)} given ${[...this.#known].join()}`
    const stage = await stageOf(this.#model, key, () =>
      relaxationGraph(graph, target, this.#known, this.#settings, frontier),
    )
    const crop = cropAround(graph, target)
    const placed = crop ? croppedRows(rows, crop.positions) : rows
    const most = rowsPerRun(crop?.graph ?? graph)
    for (let start = 0; start < total; start += most) {
      const { bound } = await stage.run({ ...this.#feeds, ...rowFeeds(placed, start, most) })
      bounds.set(bound.data as FloatArray, start)
    }
    return bounds
  }

  #tensor(data: FloatArray, shape: readonly number[]): Tensor {
    return { type: this.#settings.precision, shape, data }
  }
}

function describe({ norm, domain, rounding, precision }: BallSettings): string {
  return `${norm} ${domain} ${rounding} ${precision}`
}

/**
 * What goes into operators that are not linear, in topological order. Where it comes out of an elementwise one, bounds
 * of what went into that are as good.
 */
function nonlinearInputs(graph: TypedGraph): string[] {
  const context = ruleContext(graph, new GraphBuilder(graph.opset))
  const nonlinear = graph.nodes
    .filter(({ outputs }) => outputs.some((output) => context.isActivation(output)))
    .filter((node) => !findOperator(node)?.linear?.(node, context))
  const elementwise = new Set(
    nonlinear.filter((node) => findOperator(node)?.relaxation?.lines).flatMap(({ outputs }) => outputs),
  )
  const values = nonlinear.flatMap(({ inputs }) => inputs.filter((input) => context.isActivation(input)))
  return [...new Set(values)].filter((value) => !elementwise.has(value))
}

/** How many samples to bound together: more of them pay off for small models only. */
export function samplesPerRun(model: Classifier): number {
  return Math.max(1, Math.min(100, Math.floor(2 ** 15 / elementsPerSample(model.graph))))
}
