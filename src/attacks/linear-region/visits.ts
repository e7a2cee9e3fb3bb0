import { lengthOf } from '../../geometry/norm.js'
import type { Question } from '../../regions/linear-regions.js'
import type { RandomSource } from '../../sampling/random.js'
import { directionsTo } from './directions.js'
import { type RegionProgram, type Solution, solveRegion } from './region-program.js'
import { type Search, sideBySide } from './side-by-side.js'
import { displaced, plus, scaled } from './vectors.js'

export interface ExplorationSettings extends RegionProgram {
  readonly label: number
  /** Classes to lead to. */
  readonly classes: readonly number[]
  /** The only class that counts as adversarial, if there is one. */
  readonly target: number | undefined
  readonly random: RandomSource
}

// A solution is on the boundary. What becomes the closest is to be adversarial so much further out, of its length, or else
// further inside of the region, as there are tips that are not when pulled out.
const push = 1e-5
const inwards = [1e-5, 1e-4]

/**
 * Where the exploration of one sample stands: the closest adversarial displacement, and the regions that it has been to. No
 * region is solved twice unless something longer may be found there.
 */
export class Visits {
  readonly settings: ExplorationSettings
  best: Float64Array | undefined
  /** Its norm, or that of the way to the farthest corner: what is not shorter is of no interest. */
  length: number
  /** Regions solved, or discarded, so far. */
  count = 0
  /** No solution is longer. */
  readonly #longest: number
  readonly #limits = new Map<string, number>()

  constructor(settings: ExplorationSettings, start: Float64Array | undefined) {
    this.settings = settings
    const { norm, sample } = settings
    const corner = sample.upper.map((high, feature) => Math.max(high, -sample.lower[feature]))
    this.#longest = lengthOf(norm, corner)
    this.best = start
    this.length = start ? lengthOf(norm, start) : this.#longest
  }

  /**
   * Solves the regions around displaced points for all classes, keeps the closest solution that is confirmed, and gives all
   * that are shorter than `limit`, the shortest first.
   */
  *solve(
    displacements: readonly Float64Array[],
    limit: number,
    classes = this.settings.classes,
  ): Search<Question, Float32Array, Solution[]> {
    const { regions, label } = this.settings
    const { origin } = this.settings.sample
    const points = displacements.map((displacement) => displaced(origin, displacement))
    const entries = yield points.map((point) => ({ about: 'values', point }))
    const length = Math.min(limit, this.#longest)
    const searches = points.flatMap((point, index) => {
      const key = regions.key(entries[index])
      const open = classes.filter((wanted) => (this.#limits.get(`${wanted}:${key}`) ?? 0) < length)
      if (open.length === 0) return []
      for (const wanted of open) this.#limits.set(`${wanted}:${key}`, length)
      const boundaries = open.map((wanted) => ({ plus: regions.logits + wanted, minus: regions.logits + label }))
      return [solveRegion(this.settings, { point, entries: entries[index] }, boundaries, length)]
    })
    this.count += searches.length
    const solutions = (yield* sideBySide(searches)).filter((solution) => solution !== undefined)
    solutions.sort((left, right) => left.length - right.length)
    yield* this.#confirm(solutions)
    return solutions
  }

  *#confirm(solutions: readonly Solution[]): Search<Question, Float32Array, void> {
    const shorter = solutions.filter(({ length }) => length < this.length)
    if (shorter.length === 0) return
    const beyond = yield* this.#areAdversarial(shorter.map(({ displacement }) => displacement))
    const first = beyond.indexOf(true)
    if (first >= 0) this.#keep(shorter[first].displacement)
    const inside = (first < 0 ? shorter : shorter.slice(0, first)).flatMap((solution) => this.#inside(solution))
    if (inside.length === 0) return
    const areThey = yield* this.#areAdversarial(inside)
    for (const displacement of inside.filter((_, index) => areThey[index])) this.#keep(displacement)
  }

  #keep(displacement: Float64Array): void {
    const length = lengthOf(this.settings.norm, displacement)
    if (length >= this.length) return
    this.best = displacement
    this.length = length
  }

  *#areAdversarial(displacements: readonly Float64Array[]): Search<Question, Float32Array, boolean[]> {
    const { origin } = this.settings.sample
    const answers = yield displacements.map((displacement) => ({
      about: 'values',
      point: displaced(origin, scaled(displacement, 1 + push)),
    }))
    return answers.map((entries) => this.isAdversarial(entries))
  }

  /** Points inside of the region next to a solution, which stay in the domain. */
  #inside({ displacement, length, active }: Solution): Float64Array[] {
    const { lower, upper } = this.settings.sample
    const free = active.map((normal) =>
      normal.map((entry, feature) => {
        const step = displacement[feature]
        return step > lower[feature] && step < upper[feature] ? entry : 0
      }),
    )
    const [direction] = directionsTo(free, [new Float64Array(active.length).fill(1)])
    return direction ? inwards.map((share) => plus(displacement, direction, share * length)) : []
  }

  /** Whether entries are those of an adversarial point. */
  isAdversarial(entries: Float32Array): boolean {
    const { regions, label, target } = this.settings
    const logits = entries.subarray(regions.logits, regions.logits + regions.classes)
    const chosen = target ?? label
    const others = logits.reduce((most, logit, index) => (index === chosen ? most : Math.max(most, logit)), -Infinity)
    return target === undefined ? logits[chosen] < others : logits[chosen] > others
  }
}
