import { distance } from '../../geometry/norm.js'
import { clipToDomain } from '../../geometry/projection.js'
import { range, rowOf } from '../../sampling/rows.js'
import type { AttackCandidates, AttackContext } from '../attack.js'
import { Decisions } from './decisions.js'
import { estimateNormals } from './estimate-normals.js'
import type { HopSkipJumpSettings } from './hop-skip-jump.js'
import { startingPoints } from './starting-points.js'

// Searches start at the closest of this many points first; where none is adversarial, more are tried.
const startsCompared = 8
const mostStarts = 100
// θ of the paper is coarse where there are few features.
const coarsestTolerance = 1e-3
const mostHalvingsOfStep = 10
// A search has ended after so many iterations in a row that shorten the distance by less than this fraction.
const idleIterations = 3
const leastProgress = 0.005

interface BoundaryPoint {
  readonly point: Float32Array
  readonly length: number
}

/** A search from one starting point. */
interface Search {
  current: BoundaryPoint
  iteration: number
  idle: number
}

export type HopSkipJumpRun = Required<Omit<HopSkipJumpSettings, 'target'>>

/** Searches along the boundary from several starting points of each sample. */
export async function runHopSkipJump(context: AttackContext, settings: HopSkipJumpRun): Promise<AttackCandidates> {
  const searches = new BoundarySearches(context, settings)
  const starts = await findStarts(context, searches)
  while (await searches.advance(starts)) context.progress(searches.decisions.progress)
  const { decisions, adversarial, steps } = searches
  return {
    adversarial,
    steps,
    gradientQueries: new Int32Array(steps.length),
    forwardQueries: decisions.forwardQueries,
    interrupted: decisions.interrupted,
  }
}

/** The searches along the boundary of all samples, one at a time for each. */
class BoundarySearches {
  readonly decisions: Decisions
  readonly adversarial: Float32Array
  readonly steps: Int32Array
  readonly #context: AttackContext
  readonly #settings: HopSkipJumpRun
  readonly #size: number
  readonly #theta: number
  readonly #tolerance: number
  /** Forward passes that a step and the bisection after it may take. */
  readonly #reserve: number
  readonly #closest: Float64Array
  readonly #running = new Map<number, Search>()

  constructor(context: AttackContext, settings: HopSkipJumpRun) {
    const { model, inputs, labels } = context
    this.#context = context
    this.#settings = settings
    this.#size = model.domain.lower.length
    this.#theta = settings.gamma / this.#size ** 1.5
    this.#tolerance = Math.min(this.#theta, coarsestTolerance)
    this.#reserve = mostHalvingsOfStep + Math.ceil(-Math.log2(this.#tolerance)) + 2
    this.decisions = new Decisions(context, settings.queries)
    this.adversarial = new Float32Array(inputs.data)
    this.steps = new Int32Array(labels.length)
    this.#closest = new Float64Array(labels.length).fill(Number.POSITIVE_INFINITY)
  }

  /**
   * One iteration for each sample that has queries left; says whether there was any. Where a search has ended, the next start
   * is taken, and without one the closest point.
   */
  async advance(starts: readonly BoundaryPoint[][]): Promise<boolean> {
    const running = this.#running
    for (const [sample, points] of starts.entries()) {
      const search = running.get(sample)
      if (search && search.idle < idleIterations) continue
      const current = points.shift()
      if (current) running.set(sample, { current, iteration: 1, idle: 0 })
      else if (search) {
        const point = rowOf(this.adversarial, this.#size, sample).slice()
        const closest = { point, length: this.#closest[sample] }
        running.set(sample, { current: closest, iteration: search.iteration, idle: 0 })
      }
    }
    const samples = [...running.keys()].filter(
      (sample) => this.decisions.left(sample) > this.#reserve && this.#closest[sample] > 0,
    )
    if (samples.length === 0) return false
    await this.#iterate(
      samples,
      samples.map((sample) => running.get(sample)!),
    )
    for (const sample of samples) this.steps[sample]++
    return true
  }

  /** Moves those of the points that are adversarial to the boundary. */
  async approach(samples: readonly number[], points: readonly Float32Array[]): Promise<(BoundaryPoint | undefined)[]> {
    const size = this.#size
    const answers = await this.decisions.areAdversarial(samples, joined(points, size))
    const rows = range(samples.length).filter((row) => answers[row])
    const write = (path: number, fraction: number, point: Float32Array) => {
      const [centre, end] = [this.#centreOf(samples[rows[path]]), points[rows[path]]]
      for (let feature = 0; feature < size; feature++) {
        point[feature] = centre[feature] + fraction * (end[feature] - centre[feature])
      }
    }
    const fractions = await this.decisions.bisect(
      rows.map((row) => samples[row]),
      this.#tolerance,
      write,
    )
    const reached = samples.map((): BoundaryPoint | undefined => undefined)
    rows.forEach((row, path) => {
      const sample = samples[row]
      const point = new Float32Array(size)
      write(path, fractions[path], point)
      const length = distance(this.#centreOf(sample), point).l2
      reached[row] = { point, length }
      if (length >= this.#closest[sample]) return
      this.#closest[sample] = length
      rowOf(this.adversarial, size, sample).set(point)
    })
    return reached
  }

  /** One iteration of the paper, on the current points of all given samples. */
  async #iterate(samples: readonly number[], searches: readonly Search[]): Promise<void> {
    const normals = await this.#normals(samples, searches)
    const before = searches.map(({ current }) => current)
    let open = range(samples.length)
    for (let halving = 0; halving < mostHalvingsOfStep && open.length > 0; halving++) {
      const points = open.map((row) => {
        const { point, length } = before[row]
        const step = length / Math.sqrt(searches[row].iteration) / 2 ** halving
        const stepped = point.map((coordinate, feature) => coordinate + step * normals[row][feature])
        clipToDomain(stepped, this.#context.model.domain)
        return stepped
      })
      const reached = await this.approach(
        open.map((row) => samples[row]),
        points,
      )
      open.forEach((row, index) => {
        const point = reached[index]
        if (point && point.length < before[row].length) searches[row].current = point
      })
      open = open.filter((row, index) => !reached[index] && this.decisions.left(samples[row]) > 0)
    }
    searches.forEach((search, row) => {
      search.iteration++
      search.idle = search.current.length < (1 - leastProgress) * before[row].length ? 0 : search.idle + 1
    })
  }

  #normals(samples: readonly number[], searches: readonly Search[]): Promise<Float64Array[]> {
    const { initialEvaluations, maxEvaluations } = this.#settings
    const places = searches.map(({ current, iteration }, row) => ({
      sample: samples[row],
      point: current.point,
      radius: Math.sqrt(this.#size) * this.#theta * current.length,
      evaluations: Math.min(
        Math.round(initialEvaluations * Math.sqrt(iteration)),
        maxEvaluations,
        this.decisions.left(samples[row]) - this.#reserve,
      ),
    }))
    return estimateNormals(this.#context, this.decisions, places)
  }

  #centreOf(sample: number): Float32Array {
    return rowOf(this.#context.inputs.data, this.#size, sample)
  }
}

/** Points of the boundary to start from, for each sample, closest first. */
async function findStarts(context: AttackContext, searches: BoundarySearches): Promise<BoundaryPoint[][]> {
  const { decisions } = searches
  const samples = range(context.labels.length)
  const others = await context.otherSamples()
  const sources = samples.map((sample) => startingPoints(context, others, sample, 'l2'))
  const starts = samples.map((): BoundaryPoint[] => [])
  for (let attempt = 0; attempt < mostStarts; attempt++) {
    const open = samples.filter(
      (sample) => decisions.left(sample) > 0 && (attempt < startsCompared || starts[sample].length === 0),
    )
    if (open.length === 0) break
    const reached = await searches.approach(
      open,
      open.map((sample) => sources[sample].next().value!),
    )
    open.forEach((sample, row) => {
      const point = reached[row]
      if (point) starts[sample].push(point)
    })
  }
  for (const points of starts) points.sort((left, right) => left.length - right.length)
  return starts
}

function joined(points: readonly Float32Array[], size: number): Float32Array {
  const data = new Float32Array(points.length * size)
  points.forEach((point, row) => {
    data.set(point, row * size)
  })
  return data
}
