import type { Budget } from '../budget.js'
import type { Precision } from '../graph/builder.js'
import { featureShape, type TensorData } from '../graph/graph.js'
import { elementsPerSample } from '../model/predict-classes.js'
import type { BallSettings } from '../passes/ball-settings.js'
import { isBoundedByBall, isExactInterval, looseName } from '../passes/bound-graphs.js'
import { lastLinearValues, nonlinearInputs } from '../passes/bounded-values.js'
import { classCount } from '../passes/gradient-graph.js'
import { isLinearInInput } from '../passes/linear-prefix.js'
import type { Frontier } from '../passes/relaxation.js'
import type { RelaxationTask } from '../passes/relaxation-graph.js'
import type { Inputs } from '../sampling/samples.js'
import { Balls, type ValueBounds } from './balls.js'
import type { BoundedModel } from './bounded-model.js'
import type { FloatArray } from './input-ball.js'
import { takeIntervals, tightenElements } from './intermediate-bounds.js'
import { boundRows, type ExplainedRows, explainRows, functionsOfLogits } from './relaxed-rows.js'
import type { LinearFunctions, RowBounds } from './row-bounds.js'
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

  /** Values of linear functions at the centres of the balls of the given samples. */
  atCentres(samples: readonly number[], functions: LinearFunctions): Float64Array {
    return this.#balls.atCentres(samples, functions)
  }

  /**
   * CROWN's intermediate bounds: of the inputs of all nonlinear nodes, in order. Called once more, it tightens what is
   * still loose; with `iterations`, by as many steps of the lines below.
   */
  async refine(iterations = 0): Promise<void> {
    const { model, settings, count, known } = this.#balls
    const { graph } = model
    let exact: string[] = []
    for (const value of nonlinearInputs(graph)) {
      if (!(await this.#budget.next())) return
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
        exact.push(value)
        continue
      }
      const loose = await takeIntervals(this.#balls, [...exact, value], isExact ? undefined : value)
      exact = []
      const bounds = this.#balls.boundsOf(value)
      if (inherited) this.#balls.meet(value, inherited)
      if (!loose) continue
      const isOpen = (index: number) => bounds.lower[index] < 0 && bounds.upper[index] > 0
      const elements = marked(loose.data)
      await tightenElements(
        this.#balls,
        value,
        inherited ? elements.filter(isOpen) : elements,
        iterations,
        this.#budget,
      )
      if (inherited) this.#balls.meet(value, inherited)
    }
    await takeIntervals(this.#balls, exact)
  }

  /** Only what the ball itself says about values that are linear in the input: the box around an ℓ2 or ℓ1 ball is large. */
  async refineLinear(): Promise<void> {
    const { model, settings } = this.#balls
    const isBounded = (value: string) => isBoundedByBall(model.graph, value, settings)
    await takeIntervals(this.#balls, lastLinearValues(model.graph).filter(isBounded))
  }

  /** Over balls that were cut: of the inputs of all nonlinear nodes, or of those that are linear in the model's input. */
  async refineCut(firstLayerOnly: boolean): Promise<void> {
    const { graph } = this.#balls.model
    for (const value of nonlinearInputs(graph)) {
      if (firstLayerOnly && !isLinearInInput(value, graph)) continue
      if (!(await this.#budget.next())) return
      // What is loose is known from before the balls were cut.
      const elements = marked(this.#balls.feeds[looseName(value)].data)
      await tightenElements(this.#balls, value, elements, 0, this.#budget)
    }
  }

  /**
   * Lower bounds of f_label − f_j, [n, classes], 0 in the column of the label; −∞ where the arithmetic broke down or the
   * budget ended.
   */
  async margins(labels: Int32Array, frontier: Frontier): Promise<Float64Array> {
    const { graph } = this.#balls.model
    const classes = classCount(graph)
    const rows = marginRows(labels, classes)
    const { bounds } = await this.#bound(graph.outputs[0].name, rows, { frontier, steps: 0, givesFunctions: false })
    return marginsOf(rows, bounds, labels.length, classes)
  }

  /** Lower bounds of linear functions of the logits with functions of the input, after so many steps of the lines below. */
  boundLogits(rows: Rows, iterations: number): Promise<RowBounds> {
    const task = { frontier: 'input', steps: iterations, givesFunctions: true } as const
    return this.#bound(this.#balls.model.graph.outputs[0].name, rows, task)
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

  #bound(target: string, rows: Rows, task: Omit<RelaxationTask, 'isCut'>): Promise<RowBounds> {
    return boundRows(this.#balls, target, rows, task, this.#budget)
  }
}

/** The indices of what is not 0. */
function marked(marks: TensorData): Int32Array {
  const indices = new Int32Array(marks.length)
  let found = 0
  for (let index = 0; index < marks.length; index++) if (marks[index]) indices[found++] = index
  return indices.subarray(0, found)
}

/** How many samples to bound together: more of them pay off for small models only. */
export function samplesPerRun(model: BoundedModel): number {
  return Math.max(1, Math.min(100, Math.floor(2 ** 17 / elementsPerSample(model.graph))))
}
