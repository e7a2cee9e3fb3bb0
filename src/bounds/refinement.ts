import type { Budget } from '../budget.js'
import type { Precision } from '../graph/builder.js'
import { featureShape, type TensorData } from '../graph/graph.js'
import { elementsPerSample } from '../model/predict-classes.js'
import type { BallSettings } from '../passes/ball-settings.js'
import type { RelaxationLink } from '../passes/bound-chain.js'
import { isBoundedByBall, isExactInterval, looseName } from '../passes/bound-graphs.js'
import { lastLinearValues, nonlinearInputs } from '../passes/bounded-values.js'
import { classCount } from '../passes/gradient-graph.js'
import { isLinearInInput } from '../passes/linear-prefix.js'
import type { Frontier } from '../passes/relaxation.js'
import type { RelaxationTask } from '../passes/relaxation-graph.js'
import type { Inputs } from '../sampling/samples.js'
import { Balls, type ValueBounds } from './balls.js'
import { type BoundTask, doTasks } from './bound-tasks.js'
import type { BoundedModel } from './bounded-model.js'
import type { FloatArray } from './input-ball.js'
import { boundingByIntervals, tightening } from './intermediate-bounds.js'
import { boundingLogits, type ExplainedRows, explainRows, functionsOfLogits } from './relaxed-rows.js'
import { BestRows, type LinearFunctions, type RowBounds } from './row-bounds.js'
import { marginRows, marginsOf, type Rows } from './rows.js'

/** Bounds of the values of a model over balls around some inputs; they get tighter as {@link refine} goes on. */
export class Refinement {
  readonly #balls: Balls
  readonly #budget: Budget
  #inherited: ReadonlyMap<string, ValueBounds> = new Map()

  private constructor(balls: Balls, budget: Budget) {
    this.#balls = balls
    this.#budget = budget
  }

  static around(
    model: BoundedModel,
    inputs: Inputs,
    epsilon: ArrayLike<number>,
    settings: BallSettings,
    budget: Budget,
  ): Refinement {
    return new Refinement(Balls.around(model, inputs, epsilon, settings), budget)
  }

  /** Over boxes, [n, features] each, of numbers in the precision of the bound. */
  static over(
    model: BoundedModel,
    box: ValueBounds,
    budget: Budget,
    arithmetic: Pick<BallSettings, 'rounding' | 'precision'> = { rounding: 'covered', precision: 'float32' },
  ): Refinement {
    return new Refinement(Balls.over(model, box, arithmetic), budget)
  }

  /**
   * Bounds of values that are known from elsewhere: what {@link refine} finds is cut down to them. They may be about a part
   * of the ball, and all that is found then is about that part.
   */
  inherit(bounds: ReadonlyMap<string, ValueBounds>): void {
    this.#inherited = bounds
  }

  get precision(): Precision {
    return this.#balls.settings.precision
  }

  /** How many balls. */
  get count(): number {
    return this.#balls.count
  }

  /** Samples of whose ball the inherited bounds leave nothing, as far as that was noticed. */
  get empty(): ReadonlySet<number> {
    return this.#balls.empty
  }

  /** What {@link refine} found. */
  get bounds(): ReadonlyMap<string, ValueBounds> {
    return new Map([...this.#balls.known].map((value) => [value, this.#balls.boundsOf(value)]))
  }

  /** How many samples to bound together: more of them pay off for small models only. */
  get mostSamples(): number {
    return samplesPerRun(this.#balls.model)
  }

  /** Each of the given samples (an index may come several times) where a function of its own is not positive. */
  within(samples: readonly number[], functions: LinearFunctions): Refinement {
    return new Refinement(this.#balls.within(samples, functions), this.#budget)
  }

  /**
   * The balls of the given samples, with those bounds of this one that {@link refine} would find again: what comes before the first
   * value that it tightens.
   */
  part(samples: readonly number[]): Refinement {
    const { model, known } = this.#balls
    const values = nonlinearInputs(model.graph)
    const first = this.#firstToTighten
    const untouched = first === undefined ? values : values.slice(0, values.indexOf(first) + 1)
    return new Refinement(
      this.#balls.part(samples, new Set(untouched.filter((value) => known.has(value)))),
      this.#budget,
    )
  }

  /** The value of one of several linear functions at the centre of the ball of a sample. */
  atCentre(sample: number, functions: LinearFunctions, place: number): number {
    return this.#balls.atCentre(sample, functions, place)
  }

  /**
   * CROWN's intermediate bounds: of the inputs of all nonlinear nodes, in order. Called once more, it tightens what is
   * still loose; with `iterations`, by as many steps of the lower lines.
   */
  async refine(iterations = 0): Promise<void> {
    await this.#do(await this.#refineButFor(iterations))
  }

  /**
   * {@link refine}, and then lower bounds of linear functions of the logits with functions of the input, after so many steps
   * of the lower lines: all of it takes less time than one after the other.
   */
  async refineAndBound(
    rows: Rows,
    { ofValues = 0, ofLogits = 0, gives = 'functions' as RelaxationTask['gives'] } = {},
  ): Promise<RowBounds> {
    const left = await this.#refineButFor(ofValues)
    return this.#bound(rows, { frontier: 'input', steps: ofLogits, gives }, left)
  }

  /** Refines, and gives what is left to do. */
  async #refineButFor(iterations: number): Promise<BoundTask[]> {
    const { model, settings, count, known, feeds } = this.#balls
    const { graph } = model
    let exact: string[] = []
    let left: BoundTask[] = []
    for (const value of nonlinearInputs(graph)) {
      if (!(await this.#budget.next())) return []
      const isExact = isExactInterval(graph, value, settings)
      const inherited = this.#inherited.get(value)
      const isLinear = isLinearInInput(value, graph)
      if (inherited && isLinear) {
        this.#balls.know(value, inherited, [count, ...featureShape(graph.values.get(value)!.shape)!])
        continue
      }
      // No line comes before it, and no other bound.
      if (isLinear && iterations > 0 && known.has(value)) continue
      if (isExact && !inherited) {
        // Those of the next value take them along.
        if (!known.has(value)) exact.push(value)
        continue
      }
      const mask = looseName(value)
      if (exact.length > 0 || !known.has(value) || !(mask in feeds)) {
        const task = await boundingByIntervals(this.#balls, [...exact, value], isExact ? undefined : value)
        await this.#do([...left, task])
        exact = []
        left = []
        if (this.#budget.exhausted) return []
      }
      const bounds = this.#balls.boundsOf(value)
      if (inherited) this.#balls.meet(value, inherited)
      if (isExact) continue
      const isOpen = (index: number) => bounds.lower[index] < 0 && bounds.upper[index] > 0
      const elements = marked(feeds[mask].data)
      left = await this.#tightening(value, inherited ? elements.filter(isOpen) : elements, iterations, left)
      if (!inherited) continue
      await this.#do(left)
      left = []
      this.#balls.meet(value, inherited)
    }
    return exact.length === 0 ? left : [...left, await boundingByIntervals(this.#balls, exact)]
  }

  /** Lower bounds of linear functions of the logits, over intermediate bounds by intervals: CROWN-IBP. */
  async boundOverIntervals(rows: Rows): Promise<RowBounds> {
    const values = nonlinearInputs(this.#balls.model.graph)
    const task = await boundingByIntervals(this.#balls, values, this.#firstToTighten)
    return this.#bound(rows, { frontier: 'input', steps: 0, gives: 'bounds' }, [task])
  }

  /** The first input of a nonlinear node that {@link refine} tightens, if any. */
  get #firstToTighten(): string | undefined {
    const { model, settings } = this.#balls
    return nonlinearInputs(model.graph).find((value) => !isExactInterval(model.graph, value, settings))
  }

  /** Only what the ball itself says about values that are linear in the input: the box around an ℓ2 or ℓ1 ball is large. */
  async refineLinear(): Promise<void> {
    const { model, settings } = this.#balls
    const isBounded = (value: string) => isBoundedByBall(model.graph, value, settings)
    await this.#do([await boundingByIntervals(this.#balls, lastLinearValues(model.graph).filter(isBounded))])
  }

  /**
   * Over balls that were cut, what {@link refineAndBound} gives, with intermediate bounds anew of the inputs of all nonlinear
   * nodes, or of those that are linear in the model's input.
   */
  async boundCut(rows: Rows, firstLayerOnly: boolean, iterations: number): Promise<RowBounds> {
    const { graph } = this.#balls.model
    let tasks: BoundTask[] = []
    for (const value of nonlinearInputs(graph)) {
      if (firstLayerOnly && !isLinearInInput(value, graph)) continue
      // What is loose is known from before the balls were cut.
      const elements = marked(this.#balls.feeds[looseName(value)].data)
      tasks = await this.#tightening(value, elements, 0, tasks)
    }
    return this.#bound(rows, { frontier: 'input', steps: iterations, gives: 'functions' }, tasks)
  }

  /**
   * Lower bounds of f_label − f_j, [n, classes], 0 in the column of the label; −∞ where the arithmetic broke down or the
   * budget ended.
   */
  async margins(labels: Int32Array, frontier: Frontier): Promise<Float64Array> {
    const { graph } = this.#balls.model
    const classes = classCount(graph)
    const rows = marginRows(labels, classes)
    const { bounds } = await this.#bound(rows, { frontier, steps: 0, gives: 'bounds' })
    return marginsOf(rows, bounds, labels.length, classes)
  }

  /**
   * Several linear functions of the input per row that the row is nowhere below: with CROWN's lower lines, and with the
   * flattest and the steepest of all nodes that have a choice. Fewer where there is none, or the budget ends.
   */
  logitFunctions(rows: Rows): Promise<LinearFunctions[]> {
    return functionsOfLogits(this.#balls, rows, this.#budget)
  }

  /**
   * Functions that rows of a value are nowhere below and that are as large as they can be at the points, one per row;
   * undefined when the budget ended.
   */
  explain(target: string, rows: Rows, points: FloatArray): Promise<ExplainedRows | undefined> {
    return explainRows(this.#balls, target, rows, points, this.#budget)
  }

  async #bound(
    rows: Rows,
    relaxation: Omit<RelaxationLink, 'target'>,
    before: readonly BoundTask[] = [],
  ): Promise<RowBounds> {
    const best = new BestRows(rows.sample.length, this.precision)
    await this.#do([...before, boundingLogits(this.#balls, rows, relaxation, best)])
    return best
  }

  #tightening(
    value: string,
    elements: Int32Array,
    iterations: number,
    left: readonly BoundTask[],
  ): Promise<BoundTask[]> {
    return tightening(this.#balls, value, elements, iterations, left, this.#budget)
  }

  #do(tasks: readonly BoundTask[]): Promise<void> {
    return doTasks(this.#balls, tasks, this.#budget)
  }
}

/** The indices of what is not 0. */
function marked(marks: TensorData): Int32Array {
  const indices = new Int32Array(marks.length)
  let found = 0
  for (let index = 0; index < marks.length; index++) {
    indices[found] = index
    if (marks[index]) found++
  }
  return indices.subarray(0, found)
}

/** How many samples to bound together: more of them pay off for small models only. */
export function samplesPerRun(model: BoundedModel): number {
  return Math.max(1, Math.min(100, Math.floor(2 ** 17 / elementsPerSample(model.graph))))
}
