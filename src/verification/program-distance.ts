import type { AttackContext } from '../attacks/attack.js'
import { fmn } from '../attacks/minimal-distance/fmn.js'
import { Refinement } from '../bounds/refinement.js'
import { range } from '../sampling/rows.js'
import { BallProgram, type PartView, type Sides } from './ball-program.js'
import { type DistanceInterval, type Obstacle, obstacles } from './distance-interval.js'
import { type NearestPoint, nearestByAttack, propose } from './nearest-point.js'
import { openOf, openUnitsOf } from './open-units.js'
import { unitInputs } from './unit-parts.js'

// A ball has at most so many open units; where that is no larger than what is known already, more.
const [fewOpen, mostOpen] = [200, 600]
// Coefficients that a program may have.
const mostCoefficients = 2 ** 24
// Balls are different if one is smaller than the other by this factor; smaller than this share of the distance they tell nothing.
const [smaller, smallest] = [0.9, 1e-3]
// Where the nearest point comes this much nearer, the ball is bounded anew.
const muchNearer = 0.98
// The relaxation of a unit is as good as exact.
const noGap = 1e-9
// What a gap is worth that costs nothing for now.
const leastPrice = 1e-3
const mostSteps = 20
// What a step must bring, as a share of the distance.
const leastGain = 1e-9

interface Ball {
  readonly radius: number
  readonly bounds: Refinement['bounds']
  readonly openCount: number
}

/** A part of a ball that may hold adversarial points that are nearer than the nearest known one. */
interface Part {
  /** Position of the rival. */
  readonly rival: number
  readonly sides: Sides
  /** No input of the part that is the rival's is nearer. */
  readonly distance: number
}

/**
 * Minimal distances by branch and bound over units, in float64, for ℓ∞ and ℓ1: linear programs ({@link BallProgram}) tell how
 * near a part of a ball, where some units are on and others off, may hold an input of another class. What such a program
 * finds is moved to where its linear region reaches nearest; then the unit that its relaxation loses most by is split. A
 * part's half follows its whole, which the simplex method likes, then the part that reaches nearest. Balls in which
 * few units are open come first.
 */
export async function programDistances(context: AttackContext, norm: 'linf' | 'l1'): Promise<DistanceInterval[]> {
  const { labels, progress } = context
  const { nearest, starts } = await nearestByAttack(context, norm, fmn({ norm }))
  const intervals: DistanceInterval[] = []
  for (const [index, point] of nearest.entries()) {
    const search = new Search(context, norm, point, labels[index])
    await search.run()
    intervals.push({ ...search.interval, ...starts[index] })
    progress((index + 1) / nearest.length)
  }
  return intervals
}

/** The search for the distance of one sample. */
class Search {
  readonly #context: AttackContext
  readonly #norm: 'linf' | 'l1'
  readonly #nearest: NearestPoint
  readonly #label: number
  /** No adversarial input is nearer. */
  #lower = 0
  #parts = 0
  #obstacle: Obstacle | undefined

  constructor(context: AttackContext, norm: 'linf' | 'l1', nearest: NearestPoint, label: number) {
    this.#context = context
    this.#norm = norm
    this.#nearest = nearest
    this.#label = label
  }

  get interval(): Omit<DistanceInterval, 'start' | 'gradientQueries'> {
    const { point, reach, limit } = this.#nearest
    const proved = this.#lower >= limit
    const upper = point ? reach : Number.POSITIVE_INFINITY
    const lower = proved && !point ? upper : Math.min(this.#lower, upper)
    return { lower, upper, nearest: point, proved, obstacle: this.#obstacle, boxes: this.#parts }
  }

  /** Until the distance is known, the budget ends, or there is no ball with few enough open units. */
  async run(): Promise<void> {
    const { model } = this.#context
    const { sample, room } = this.#nearest
    while (this.#lower < this.#nearest.limit) {
      const ball = await this.#nextBall()
      if (!ball) return this.#giveUp(obstacles.openUnits)
      const open = await openUnitsOf(model, ball.bounds, sample, this.#label)
      const program = new BallProgram(this.#norm, open, room, this.#context.budget)
      const before = this.#nearest.reach
      const lower = await this.#explore(program, ball.radius)
      // A point that could not be told apart would be found again.
      if (!(lower > this.#lower || this.#nearest.reach < before)) return this.#giveUp(obstacles.rounding)
      this.#lower = Math.max(lower, this.#lower)
    }
  }

  #giveUp(obstacle: Obstacle): void {
    if (!this.#context.budget.exhausted) this.#obstacle = obstacle
  }

  /** A ball larger than what is known to hold no adversarial point; undefined where too many units are open, or the budget ended. */
  async #nextBall(): Promise<Ball | undefined> {
    const { reach, sample } = this.#nearest
    const [few, most] = [fewOpen, mostOpen].map((count) => Math.min(count, mostCoefficients / sample.length))
    const least = Math.max(this.#lower, smallest * reach)
    const whole = await this.#ballOf(reach)
    if (!whole || whole.openCount <= few) return whole
    let found: Ball | undefined
    for (let [low, high] = [least, reach]; low < smaller * high; ) {
      const radius = Math.sqrt(low * high)
      const ball = await this.#ballOf(radius)
      if (!ball) return undefined
      if (ball.openCount <= few) [low, found] = [radius, ball]
      else high = radius
    }
    if (found) return found
    const next = await this.#ballOf(Math.min(least / smaller, reach))
    return next && next.openCount <= most ? next : undefined
  }

  async #ballOf(radius: number): Promise<Ball | undefined> {
    const { model, budget } = this.#context
    const centre = { data: Float32Array.from(this.#nearest.sample), shape: [1, ...model.featureShape] }
    const settings = { norm: this.#norm, domain: 'intersect', rounding: 'ignored', precision: 'float64' } as const
    const refinement = Refinement.around(model, centre, [radius], settings, budget)
    await refinement.refine()
    const { bounds } = refinement
    if ([...unitInputs(model.graph).keys()].some((value) => !bounds.has(value))) return undefined
    return { radius, bounds, openCount: [...bounds.values()].flatMap(openOf).length }
  }

  /** Searches a ball; returns how near no adversarial point can be, for all that is known then. */
  async #explore(program: BallProgram, radius: number): Promise<number> {
    const { budget, model } = this.#context
    const nearest = this.#nearest
    const sides = program.units.map(() => 'either' as const)
    const open: Part[] = []
    for (const rival of range(model.classes - 1)) {
      const isInTime = await budget.next()
      const near = isInTime ? await program.nearest(rival, sides, Math.min(radius, nearest.reach)) : undefined
      open.push({ rival, sides, distance: near ? near.distance : isInTime ? radius : 0 })
    }
    // How near parts reach that do not matter, or could not be split.
    let closed = radius
    const known = () => open.reduce((least, { distance }) => Math.min(least, distance), Math.min(closed, nearest.reach))
    const matters = (distance: number) => distance < Math.min(radius, nearest.limit)
    let next: Part | undefined
    for (;;) {
      if (!next) {
        open.sort((one, other) => other.distance - one.distance)
        next = open.pop()
      }
      if (!next) return known()
      const part: Part = next
      next = undefined
      if (!matters(part.distance)) {
        closed = Math.min(closed, part.distance)
        continue
      }
      if (!(await budget.next())) {
        open.push(part)
        return known()
      }
      this.#parts++
      const view = await this.#look(program, part, Math.min(radius, nearest.reach))
      const whole = { ...part, distance: Math.max(view.distance, part.distance) }
      if (nearest.reach < muchNearer * radius) {
        open.push(whole)
        return known()
      }
      const unit = unitToSplit(view)
      if (unit === undefined || !matters(whole.distance)) {
        closed = Math.min(closed, whole.distance)
        continue
      }
      const [likely, other] = view.isOn[unit] ? (['on', 'off'] as const) : (['off', 'on'] as const)
      next = { ...whole, sides: part.sides.with(unit, likely) }
      open.push({ ...whole, sides: part.sides.with(unit, other) })
    }
  }

  /** What is known of a part, where its relaxation is not exact if there is such a point; tries adversarial points on the way. */
  async #look(program: BallProgram, part: Part, within: number): Promise<PartView> {
    const { rival, sides } = part
    const view = await program.view(rival, sides, within)
    if (view.distance >= within) return view
    await this.#descend(program, view, part)
    if (unitToSplit(view) !== undefined) return view
    // Exact where the margin is smallest, the relaxation may still be too low nearer to the sample.
    const near = await program.nearest(rival, sides, within)
    if (!near) return { ...view, distance: within }
    await this.#propose(near.d, near.behind)
    return near
  }

  /**
   * Where the point of a part is adversarial, and in the whole ball in any case: the nearest point of its linear region that is, and of the
   * regions that come after, as long as that comes nearer.
   */
  async #descend(program: BallProgram, { d }: PartView, { rival, sides }: Part): Promise<void> {
    const nearest = this.#nearest
    let from = d
    for (let step = 0; step < mostSteps; step++) {
      const { inputs, margins } = program.at(from)
      const least = margins.indexOf(Math.min(...margins))
      const isAdversarial = margins[least] <= 0
      if (!isAdversarial && (step > 0 || sides.some((side) => side !== 'either'))) return
      const region = Array.from(inputs, (input) => (input > 0 ? 'on' : 'off'))
      const found = await program.nearest(isAdversarial ? least : rival, region, nearest.reach)
      if (!found) return
      const before = nearest.reach
      await this.#propose(found.d, found.behind)
      if (!(nearest.reach < before * (1 - leastGain))) return
      from = nearest.displacementOf(nearest.point!)
    }
  }

  #propose(...displacements: readonly Float64Array[]): Promise<void> {
    return propose(
      this.#context.model,
      displacements.map((displacement) => this.#nearest.at(displacement)),
      displacements.map(() => this.#nearest),
    )
  }
}

/** The unit by whose relaxation the margin loses most, as far as prices tell; undefined where none loses anything. */
function unitToSplit({ gaps, prices }: PartView): number | undefined {
  let [best, most] = [-1, 0]
  gaps.forEach((gap, unit) => {
    const cost = gap > noGap ? gap * (prices[unit] + leastPrice) : 0
    if (cost > most) [best, most] = [unit, cost]
  })
  return best < 0 ? undefined : best
}
