import type { Budget } from '../budget.js'
import { floatTensor, type Precision } from '../graph/builder.js'
import { elementCount, featureShape, type Graph, type Tensor } from '../graph/graph.js'
import { elementsPerSample } from '../model/predict-classes.js'
import type { BallSettings } from '../passes/ball-settings.js'
import {
  dualNormsName,
  found,
  intervalGraph,
  isBoundedByBall,
  isExactInterval,
  lowerName,
  needsDualNorms,
  upperName,
} from '../passes/bound-graphs.js'
import { lastLinearValues, nonlinearInputs } from '../passes/bounded-values.js'
import { cropAround } from '../passes/crop.js'
import { classCount } from '../passes/gradient-graph.js'
import { isLinearInInput } from '../passes/linear-prefix.js'
import type { Frontier } from '../passes/relaxation.js'
import {
  halfSpaceNames,
  lineFunctionNames,
  lineFunctionsGraph,
  type RelaxationTask,
  relaxationGraph,
} from '../passes/relaxation-graph.js'
import { rowFunctionsGraph } from '../passes/row-functions.js'
import type { Inputs } from '../sampling/samples.js'
import type { BoundedModel } from './bounded-model.js'
import { dualNormsOf } from './dual-norms.js'
import { type FloatArray, floatArray, inputBall } from './input-ball.js'
import { BestRows, type LinearFunctions, type RowBounds } from './row-bounds.js'
import { groupRows } from './row-groups.js'
import { croppedRows, marginRows, marginsOf, type Rows, rowFeeds, sidesOf } from './rows.js'
import { rowLimits, rowsPerRun, type Stage, stageOf } from './stage.js'

/** Where there are this many coefficients to carry, leaving out some rows is worth another run. */
const manyCoefficients = 2 ** 21

/** Bounds of a value, [n, …] each. */
export interface ValueBounds {
  readonly lower: FloatArray
  readonly upper: FloatArray
}

/** Functions of the rows, and all that {@link rowFunctionsGraph} returned besides, under its names. */
export interface ExplainedRows {
  readonly functions: LinearFunctions
  readonly details: ReadonlyMap<string, FloatArray>
}

/** Samples with what is known of them so far. */
interface State {
  readonly count: number
  readonly feeds: Readonly<Record<string, Tensor>>
  readonly known: ReadonlySet<string>
  readonly isCut: boolean
}

/** Bounds of the values of a model over balls around some inputs; they get tighter as {@link refine} goes on. */
export class Refinement {
  readonly #model: BoundedModel
  readonly #settings: BallSettings
  readonly #budget: Budget
  readonly #count: number
  readonly #feeds: Record<string, Tensor>
  readonly #known: Set<string>
  readonly #isCut: boolean
  #inherited: ReadonlyMap<string, ValueBounds> = new Map()
  readonly #empty = new Set<number>()

  private constructor(model: BoundedModel, settings: BallSettings, budget: Budget, state: State) {
    this.#model = model
    this.#settings = settings
    this.#budget = budget
    this.#count = state.count
    this.#feeds = { ...state.feeds }
    this.#known = new Set(state.known)
    this.#isCut = state.isCut
  }

  static around(
    model: BoundedModel,
    inputs: Inputs,
    epsilon: ArrayLike<number>,
    settings: BallSettings,
    budget: Budget,
  ): Refinement {
    const { centre, radius, lower, upper } = inputBall(inputs, epsilon, model.domain, settings)
    const tensor = (data: FloatArray, shape: readonly number[]): Tensor => ({ type: settings.precision, shape, data })
    const [{ name }] = model.graph.inputs
    const [count] = inputs.shape
    const feeds = {
      centre: tensor(centre, inputs.shape),
      radius: tensor(radius, [count]),
      [lowerName(name)]: tensor(lower, inputs.shape),
      [upperName(name)]: tensor(upper, inputs.shape),
    }
    return new Refinement(model, settings, budget, { count, feeds, known: new Set(), isCut: false })
  }

  /** Over boxes, [n, features] each, of numbers in the precision of the bound. */
  static over(
    model: BoundedModel,
    { lower, upper }: { readonly lower: FloatArray; readonly upper: FloatArray },
    budget: Budget,
    arithmetic: Pick<BallSettings, 'rounding' | 'precision'> = { rounding: 'covered', precision: 'float32' },
  ): Refinement {
    const settings = { norm: 'linf', domain: 'intersect', ...arithmetic } as const
    const count = lower.length / elementCount(model.featureShape)
    const tensor = (data: FloatArray): Tensor => floatTensor(data, [count, ...model.featureShape])
    const [{ name }] = model.graph.inputs
    const centre = tensor(lower.map((low, index) => low + (upper[index] - low) / 2))
    const feeds = { centre, [lowerName(name)]: tensor(lower), [upperName(name)]: tensor(upper) }
    return new Refinement(model, settings, budget, { count, feeds, known: new Set(), isCut: false })
  }

  /**
   * Bounds of values that are known from elsewhere: what {@link refine} finds is cut down to them. They may be about a part
   * of the ball, and all that is found then is about that part.
   */
  inherit(bounds: ReadonlyMap<string, ValueBounds>): void {
    this.#inherited = bounds
  }

  get precision(): Precision {
    return this.#settings.precision
  }

  /** Samples of whose ball the inherited bounds leave nothing, as far as that was noticed. */
  get empty(): ReadonlySet<number> {
    return this.#empty
  }

  /** What {@link refine} found. */
  get bounds(): ReadonlyMap<string, ValueBounds> {
    return new Map([...this.#known].map((value) => [value, this.#boundsOf(value)]))
  }

  /** How many samples to bound together: more of them pay off for small models only. */
  get mostSamples(): number {
    return samplesPerRun(this.#model)
  }

  /** Each of the given samples (an index may come several times) where a function of its own is not positive. */
  within(samples: readonly number[], { coefficients, constants }: LinearFunctions): Refinement {
    const perSample = Object.entries(this.#feeds).filter(([, { shape }]) => shape[0] === this.#count)
    const taken = perSample.map(([name, { shape, data }]) => {
      const size = data.length / this.#count
      const rows = floatArray(this.#settings.precision, samples.length * size)
      samples.forEach((sample, row) => {
        rows.set((data as FloatArray).subarray(sample * size, (sample + 1) * size), row * size)
      })
      return [name, this.#tensor(rows, [samples.length, ...shape.slice(1)])] as const
    })
    const shape = [samples.length, ...this.#model.featureShape]
    const feeds = {
      ...Object.fromEntries(taken),
      [halfSpaceNames.coefficients]: this.#tensor(coefficients, shape),
      [halfSpaceNames.constant]: this.#tensor(constants, [samples.length]),
    }
    const state = { count: samples.length, feeds, known: this.#known, isCut: true }
    return new Refinement(this.#model, this.#settings, this.#budget, state)
  }

  /** Values of linear functions at the centres of the balls of the given samples. */
  atCentres(samples: readonly number[], { coefficients, constants }: LinearFunctions): Float64Array {
    const centres = this.#feeds.centre.data as FloatArray
    const size = coefficients.length / samples.length
    return Float64Array.from(samples, (sample, row) => {
      let value = constants[row]
      for (let feature = 0; feature < size; feature++) {
        value += coefficients[row * size + feature] * centres[sample * size + feature]
      }
      return value
    })
  }

  /**
   * CROWN's intermediate bounds: of the inputs of all nonlinear nodes, in order. Called once more, it tightens what is
   * still loose; with `iterations`, by as many steps of the lines below.
   */
  async refine(iterations = 0): Promise<void> {
    const { graph } = this.#model
    let exact: string[] = []
    for (const value of nonlinearInputs(graph)) {
      if (!(await this.#budget.next())) return
      // In a half-space no interval is exact.
      const isExact = !this.#isCut && isExactInterval(graph, value, this.#settings)
      const inherited = this.#inherited.get(value)
      const isLinear = isLinearInInput(value, graph)
      if (inherited && isLinear) {
        this.#know(value, inherited, [this.#count, ...featureShape(graph.values.get(value)!.shape)!])
        continue
      }
      // No line comes before it, and no other bound.
      if (isLinear && iterations > 0 && this.#known.has(value)) continue
      if (isExact && !inherited) {
        // Those of the next value take them along.
        exact.push(value)
        continue
      }
      const loose = await this.#takeIntervals([...exact, value], isExact ? undefined : value)
      exact = []
      const bounds = this.#boundsOf(value)
      if (inherited) this.#meet(bounds, inherited)
      if (!loose) continue
      const isOpen = (index: number) => !inherited || (bounds.lower[index] < 0 && bounds.upper[index] > 0)
      const elements = chosen(loose.data.length, (index) => Boolean(loose.data[index]) && isOpen(index))
      await this.#tightenAll(value, elements, iterations)
      if (inherited) this.#meet(this.#boundsOf(value), inherited)
    }
    await this.#takeIntervals(exact)
  }

  /** Bounds elements from both sides, as far as both matter. */
  async #tightenAll(value: string, elements: Int32Array, iterations: number): Promise<void> {
    if (2 * elements.length * this.#widest(value) < manyCoefficients) {
      await this.#tighten(value, elements, elements, iterations)
      return
    }
    // Often the bound of one side, the likelier one, shows that a unit is on or off, and the other one does not matter.
    const { lower, upper } = this.#boundsOf(value)
    const likelyOn = elements.filter((index) => lower[index] + upper[index] > 0)
    const likelyOff = elements.filter((index) => !(lower[index] + upper[index] > 0))
    await this.#tighten(value, likelyOn, likelyOff, iterations)
    const loose = await this.#takeIntervals([], value)
    const stillLoose = (these: Int32Array) => these.filter((index) => loose!.data[index])
    await this.#tighten(value, stillLoose(likelyOff), stillLoose(likelyOn), iterations)
  }

  /** Most elements of a value that linear functions of `target` travel through. */
  #widest(target: string): number {
    const { graph } = this.#model
    return rowLimits(cropAround(graph, target)?.graph ?? graph).widest
  }

  /** Only what the ball itself says about values that are linear in the input: the box around an ℓ2 or ℓ1 ball is large. */
  async refineLinear(): Promise<void> {
    const { graph } = this.#model
    await this.#takeIntervals(lastLinearValues(graph).filter((value) => isBoundedByBall(graph, value, this.#settings)))
  }

  /**
   * Lower bounds of f_label − f_j, [n, classes], 0 in the column of the label; −∞ where the arithmetic broke down or the
   * budget ended.
   */
  async margins(labels: Int32Array, frontier: Frontier): Promise<Float64Array> {
    const { graph } = this.#model
    const classes = classCount(graph)
    const rows = marginRows(labels, classes)
    const { bounds } = await this.#bound(graph.outputs[0].name, rows, { frontier, steps: 0, givesFunctions: false })
    return marginsOf(rows, bounds, labels.length, classes)
  }

  /** Lower bounds of linear functions of the logits with functions of the input, after so many steps of the lines below. */
  boundLogits(rows: Rows, iterations: number): Promise<RowBounds> {
    const task = { frontier: 'input', steps: iterations, givesFunctions: true } as const
    return this.#bound(this.#model.graph.outputs[0].name, rows, task)
  }

  /**
   * Several linear functions of the input per row that the row is nowhere below: with CROWN's lower lines, and with the
   * flattest and the steepest of all nodes that have a choice. Fewer where there is none, or the budget ends.
   */
  async logitFunctions(rows: Rows): Promise<LinearFunctions[]> {
    const { graph } = this.#model
    const stage = await this.#stage('functions of logits', () =>
      lineFunctionsGraph(graph, this.#known, this.#settings, this.#isCut),
    )
    const found = lineFunctionNames.map(() => new BestRows(rows.sample.length, this.#settings.precision))
    for (const { feeds: rowFeeds, rowAt } of groupRows(rows, rowLimits(graph))) {
      if (!(await this.#budget.next())) break
      const results = await stage.run({ ...this.#feeds, ...rowFeeds })
      for (const [index, { bound, coefficients, constant }] of lineFunctionNames.entries()) {
        if (!results[bound]) break
        const [own, slopes, constants] = [bound, coefficients, constant].map((name) => results[name])
        found[index].take({ bound: own, coefficients: slopes, constant: constants }, rowAt)
      }
    }
    return found.flatMap(({ functions }) => functions ?? [])
  }

  /**
   * Functions that rows of a value are nowhere below and that are as large as they can be at the points, one per row;
   * undefined when the budget ended.
   */
  async explain(target: string, rows: Rows, points: FloatArray): Promise<ExplainedRows | undefined> {
    const { graph, featureShape: features } = this.#model
    const key = `functions ${target} ${describe(this.#settings)} given ${[...this.#known].join()}`
    const stage = await stageOf(this.#model, key, () => rowFunctionsGraph(graph, target, this.#known, this.#settings))
    const size = elementCount(features)
    const found = new Map<string, FloatArray>()
    const total = rows.sample.length
    const most = rowsPerRun(graph)
    for (let start = 0; start < total; start += most) {
      if (!(await this.#budget.next())) return undefined
      const count = Math.min(most, total - start)
      const here = this.#tensor(points.slice(start * size, (start + count) * size), [count, ...features])
      const feeds = { ...this.#feeds, ...rowFeeds(rows, start, most), [graph.inputs[0].name]: here }
      for (const [name, { data }] of Object.entries(await stage.run(feeds))) {
        const width = data.length / count
        const all = found.get(name) ?? floatArray(this.#settings.precision, total * width)
        all.set(data as FloatArray, start * width)
        found.set(name, all)
      }
    }
    return {
      functions: { coefficients: found.get('coefficients')!, constants: found.get('constant')! },
      details: found,
    }
  }

  /** Cuts bounds down to others; where nothing is left, their sample is empty. */
  #meet({ lower, upper }: ValueBounds, other: ValueBounds): void {
    const width = lower.length / this.#count
    for (let index = 0; index < lower.length; index++) {
      lower[index] = Math.max(lower[index], other.lower[index])
      upper[index] = Math.min(upper[index], other.upper[index])
      if (lower[index] <= upper[index]) continue
      this.#empty.add(Math.floor(index / width))
      upper[index] = lower[index]
    }
  }

  #boundsOf(value: string): ValueBounds {
    const [lower, upper] = [lowerName(value), upperName(value)].map((name) => this.#feeds[name].data as FloatArray)
    return { lower, upper }
  }

  #know(value: string, bounds: { lower: FloatArray; upper: FloatArray }, shape: readonly number[]): void {
    this.#feeds[lowerName(value)] = this.#tensor(bounds.lower, shape)
    this.#feeds[upperName(value)] = this.#tensor(bounds.upper, shape)
    this.#known.add(value)
  }

  /**
   * Bounds those of the values that nothing is known of by intervals, and gives which elements of `selected` are worth bounding
   * more tightly.
   */
  async #takeIntervals(of: readonly string[], selected?: string): Promise<Tensor | undefined> {
    const { graph } = this.#model
    const { norm, precision } = this.#settings
    const values = of.filter((value) => !this.#known.has(value))
    if (values.length === 0 && selected === undefined) return undefined
    for (const value of values.filter((value) => needsDualNorms(graph, value, this.#settings))) {
      this.#feeds[dualNormsName(value)] = await dualNormsOf(this.#model, value, norm, precision)
    }
    const known = [...this.#known].join()
    const key = `intervals ${values} loose ${selected} ${describe(this.#settings)} given ${known}`
    const stage = await stageOf(this.#model, key, () =>
      intervalGraph(graph, values, selected, this.#known, this.#settings),
    )
    const results = await stage.run(this.#feeds)
    for (const value of values) {
      const [lower, upper] = [lowerName(value), upperName(value)].map((name) => results[found(name)])
      this.#know(value, { lower: lower.data as FloatArray, upper: upper.data as FloatArray }, lower.shape)
    }
    return results.loose
  }

  /** Bounds elements, counted over all samples, from below and others from above. */
  async #tighten(value: string, below: Int32Array, above: Int32Array, iterations: number): Promise<void> {
    const known = this.#boundsOf(value)
    const [lower, upper] = [known.lower.slice(), known.upper.slice()]
    const rows = sidesOf(below, above, lower.length / this.#count)
    const { bounds } = await this.#bound(value, rows, { frontier: 'input', steps: iterations, givesFunctions: false })
    // A bound that is NaN is not larger, so that the interval stays.
    for (let row = 0; row < below.length; row++) {
      if (bounds[row] > lower[below[row]]) lower[below[row]] = bounds[row]
    }
    for (let place = 0; place < above.length; place++) {
      const bound = -bounds[below.length + place]
      if (bound < upper[above[place]]) upper[above[place]] = bound
    }
    // Only where rounding is ignored can the two bounds pass each other.
    for (let index = 0; index < lower.length; index++) {
      if (lower[index] > upper[index]) [lower[index], upper[index]] = [upper[index], lower[index]]
    }
    this.#know(value, { lower, upper }, this.#feeds[lowerName(value)].shape)
  }

  async #bound(target: string, rows: Rows, task: Omit<RelaxationTask, 'isCut'>): Promise<RowBounds> {
    const total = rows.sample.length
    const best = new BestRows(total, this.#settings.precision)
    if (total === 0 || this.#budget.exhausted) return best
    const { graph } = this.#model
    const crop = cropAround(graph, target)
    const key = `relaxation ${target} to ${task.frontier} in ${task.steps} steps${task.givesFunctions ? ' and functions' : ''}`
    const stage = await this.#stage(key, () =>
      relaxationGraph(graph, target, this.#known, this.#settings, { ...task, isCut: this.#isCut }),
    )
    const placed = crop ? croppedRows(rows, crop.positions) : rows
    for (const { feeds: rowFeeds, rowAt } of groupRows(placed, rowLimits(crop?.graph ?? graph, 1 + task.steps))) {
      if (!(await this.#budget.next())) return best
      best.take(await stage.run({ ...this.#feeds, ...rowFeeds }), rowAt)
    }
    return best
  }

  #stage(task: string, build: () => Graph): Promise<Stage> {
    const known = [...this.#known].join()
    const where = `${describe(this.#settings)}${this.#isCut ? ' cut' : ''}`
    return stageOf(this.#model, `${task} ${where} given ${known}`, build)
  }

  #tensor(data: FloatArray, shape: readonly number[]): Tensor {
    return { type: this.#settings.precision, shape, data }
  }
}

/** The indices below `count` that are wanted. */
function chosen(count: number, isWanted: (index: number) => boolean): Int32Array {
  const indices = new Int32Array(count)
  let found = 0
  for (let index = 0; index < count; index++) if (isWanted(index)) indices[found++] = index
  return indices.subarray(0, found)
}

function describe({ norm, domain, rounding, precision }: BallSettings): string {
  return `${norm} ${domain} ${rounding} ${precision}`
}

/** How many samples to bound together: more of them pay off for small models only. */
export function samplesPerRun(model: BoundedModel): number {
  return Math.max(1, Math.min(100, Math.floor(2 ** 17 / elementsPerSample(model.graph))))
}
