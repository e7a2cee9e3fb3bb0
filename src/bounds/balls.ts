import { floatTensor } from '../graph/builder.js'
import { elementCount, type Graph, type Tensor } from '../graph/graph.js'
import type { BallSettings } from '../passes/ball-settings.js'
import { looseName, lowerName, upperName } from '../passes/bound-graphs.js'
import { halfSpaceNames } from '../passes/relaxation-graph.js'
import { takeRowsOfEach } from '../sampling/rows.js'
import type { Inputs } from '../sampling/samples.js'
import type { BoundedModel } from './bounded-model.js'
import { type FloatArray, inputBall } from './input-ball.js'
import type { LinearFunctions } from './row-bounds.js'
import { type Stage, stageOf } from './stage.js'

/** Bounds of a value, [n, …] each. */
export interface ValueBounds {
  readonly lower: FloatArray
  readonly upper: FloatArray
}

interface State {
  readonly count: number
  readonly feeds: Readonly<Record<string, Tensor>>
  readonly known: ReadonlySet<string>
  readonly isCut: boolean
}

/** Balls around some samples, and what is known of the values of a model over each of them. */
export class Balls {
  readonly model: BoundedModel
  readonly settings: BallSettings
  /** How many. */
  readonly count: number
  /** Whether each is cut by a half-space. */
  readonly isCut: boolean
  readonly #feeds: Record<string, Tensor>
  readonly #known: Set<string>
  readonly #empty = new Set<number>()

  private constructor(model: BoundedModel, settings: BallSettings, { count, feeds, known, isCut }: State) {
    this.model = model
    this.settings = settings
    this.count = count
    this.isCut = isCut
    this.#feeds = { ...feeds }
    this.#known = new Set(known)
  }

  static around(model: BoundedModel, inputs: Inputs, epsilon: ArrayLike<number>, settings: BallSettings): Balls {
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
    return new Balls(model, settings, { count, feeds, known: new Set(), isCut: false })
  }

  /** Over boxes, [n, features] each, of numbers in the precision of the bound. */
  static over(
    model: BoundedModel,
    { lower, upper }: { readonly lower: FloatArray; readonly upper: FloatArray },
    arithmetic: Pick<BallSettings, 'rounding' | 'precision'>,
  ): Balls {
    const settings = { norm: 'linf', domain: 'intersect', ...arithmetic } as const
    const count = lower.length / elementCount(model.featureShape)
    const tensor = (data: FloatArray): Tensor => floatTensor(data, [count, ...model.featureShape])
    const [{ name }] = model.graph.inputs
    const centre = tensor(lower.map((low, index) => low + (upper[index] - low) / 2))
    const feeds = { centre, [lowerName(name)]: tensor(lower), [upperName(name)]: tensor(upper) }
    return new Balls(model, settings, { count, feeds, known: new Set(), isCut: false })
  }

  /** For the graphs of bounds, under the names of their inputs. */
  get feeds(): Readonly<Record<string, Tensor>> {
    return this.#feeds
  }

  /** The values that have bounds, in the order in which they were found. */
  get known(): ReadonlySet<string> {
    return this.#known
  }

  /** Samples of whose ball nothing is left, as far as that was noticed. */
  get empty(): ReadonlySet<number> {
    return this.#empty
  }

  /** The balls of the given samples (an index may come several times), and what is known of `values`. */
  part(samples: readonly number[], values: ReadonlySet<string>): Balls {
    const others = [...this.known].filter((value) => !values.has(value))
    const unknown = new Set(others.flatMap((value) => [lowerName(value), upperName(value), looseName(value)]))
    const perSample = Object.entries(this.feeds).filter(([name, { shape }]) => {
      return shape[0] === this.count && !unknown.has(name)
    })
    const feeds = takeRowsOfEach(Object.fromEntries(perSample), samples)
    return new Balls(this.model, this.settings, { count: samples.length, feeds, known: values, isCut: this.isCut })
  }

  /** The balls of the given samples where a function of their own is not positive, with all that is known. */
  within(samples: readonly number[], { coefficients, constants }: LinearFunctions): Balls {
    const { count, feeds, known } = this.part(samples, this.known)
    const halfSpaces = {
      [halfSpaceNames.coefficients]: this.tensor(coefficients, [count, ...this.model.featureShape]),
      [halfSpaceNames.constant]: this.tensor(constants, [count]),
    }
    return new Balls(this.model, this.settings, { count, feeds: { ...feeds, ...halfSpaces }, known, isCut: true })
  }

  /** The value of one of several linear functions at the centre of the ball of a sample. */
  atCentre(sample: number, { coefficients, constants }: LinearFunctions, place: number): number {
    const centres = this.feeds.centre.data as FloatArray
    const size = coefficients.length / constants.length
    let value = constants[place]
    for (let feature = 0; feature < size; feature++) {
      value += coefficients[place * size + feature] * centres[sample * size + feature]
    }
    return value
  }

  /** Cuts the bounds of a value down to others; where nothing is left, their sample is empty. */
  meet(value: string, other: ValueBounds): void {
    const { lower, upper } = this.boundsOf(value)
    const width = lower.length / this.count
    for (let index = 0; index < lower.length; index++) {
      lower[index] = Math.max(lower[index], other.lower[index])
      upper[index] = Math.min(upper[index], other.upper[index])
      if (lower[index] <= upper[index]) continue
      this.#empty.add(Math.floor(index / width))
      upper[index] = lower[index]
    }
  }

  boundsOf(value: string): ValueBounds {
    const [lower, upper] = [lowerName(value), upperName(value)].map((name) => this.#feeds[name].data as FloatArray)
    return { lower, upper }
  }

  know(value: string, bounds: { lower: FloatArray; upper: FloatArray }, shape: readonly number[]): void {
    this.#feeds[lowerName(value)] = this.tensor(bounds.lower, shape)
    this.#feeds[upperName(value)] = this.tensor(bounds.upper, shape)
    this.#known.add(value)
    // That was about the bounds before.
    delete this.#feeds[looseName(value)]
  }

  /** Something else that graphs take, or that cut balls take along: dual norms, say. */
  feed(name: string, tensor: Tensor): void {
    this.#feeds[name] = tensor
  }

  /** The stage for a task, given what is known: its graph is built anew where that is more than before. */
  stage(task: string, build: () => Graph): Promise<Stage> {
    const { norm, domain, rounding, precision } = this.settings
    const given = `${norm} ${domain} ${rounding} ${precision} given ${[...this.#known].join()}`
    return stageOf(this.model, `${task} ${given}`, build)
  }

  tensor(data: FloatArray, shape: readonly number[]): Tensor {
    return { type: this.settings.precision, shape, data }
  }
}
