import type { Float64Box } from '../geometry/float64-box.js'
import { nearestInBoth, nearestInHalfSpace } from '../geometry/half-space.js'
import type { Hyperplane } from '../geometry/hyperplane.js'
import { distance, type Norm } from '../geometry/norm.js'
import { magnitude } from './balls-and-boxes.js'

/** A box that may hold inputs of the class of a rival that are nearer than the nearest known one. */
export interface DistanceNode extends Float64Box {
  readonly rival: number
  /** No such input of the box is nearer to the sample. */
  readonly distance: number
  /** A function that the margin is nowhere below, from the boxes that hold this one. */
  readonly inherited?: LinearFunction
}

/** A linear function of the input, coefficients · x + constant. */
export interface LinearFunction {
  readonly coefficients: Float64Array
  readonly constant: number
}

/** What functions say of a box. */
export interface View {
  readonly functions: MarginFunctions
  /** A sum of the function below and the inherited one: what is nearest where it is not positive is nearest for both. */
  readonly both: LinearFunction
  /** What is likely to be of the rival's class: a point just beyond where the functions below allow it. */
  readonly candidate: Float64Array | undefined
}

/** Functions between which the margin f_label − f_rival lies on a box. */
export interface MarginFunctions {
  /** The margin is nowhere below any of them. */
  readonly below: readonly LinearFunction[]
  readonly above: LinearFunction
}

// How much nearer than the nearest known point a box must reach to matter, as a share of the distance.
const tolerance = 1e-9
// Of the largest influence of a feature, what each has at least.
const leastShare = 1 / 32
// Of the numbers that are summed up: what rounding in float64 may add to a function, and more than that.
const [noise, beyondNoise] = [1e-12, 4e-12]

/** The search for the distance of one sample to the nearest input that is classified otherwise. */
export class DistanceSearch {
  /** Distance of the nearest adversarial point found. */
  upper = Number.POSITIVE_INFINITY
  /** Boxes that were bounded. */
  boxes = 0
  nearest: Float64Array | undefined
  readonly #norm: Norm
  readonly #sample: Float64Array
  #open: DistanceNode[]
  /** The least distance of boxes that were put aside. */
  #aside = Number.POSITIVE_INFINITY

  constructor(norm: Norm, sample: Float64Array, domain: Float64Box, rivals: readonly number[]) {
    this.#norm = norm
    this.#sample = sample
    this.#open = rivals.map((rival) => ({ ...domain, rival, distance: 0 }))
  }

  get isOpen(): boolean {
    return this.#open.some((node) => this.#matters(node.distance))
  }

  /** Whether the distance is known, but for the tolerance. */
  get isProved(): boolean {
    return !this.isOpen && !this.#matters(this.lower)
  }

  /** No adversarial input is nearer, in exact arithmetic and but for rounding. */
  get lower(): number {
    return this.#open.reduce((least, node) => Math.min(least, node.distance), Math.min(this.#aside, this.upper))
  }

  /** Takes a point that is classified otherwise. */
  propose(point: Float64Array): void {
    const length = distance(this.#sample, point)[this.#norm]
    if (length >= this.upper) return
    this.upper = length
    this.nearest = point
  }

  /** The boxes that reach nearest, cut down to the ball that the nearest point allows. */
  take(most: number): DistanceNode[] {
    for (const { distance } of this.#open) if (!this.#matters(distance)) this.#aside = Math.min(this.#aside, distance)
    const open = this.#open.filter((node) => this.#matters(node.distance))
    open.sort((one, other) => one.distance - other.distance)
    this.#open = open.slice(most)
    return open.slice(0, most).map((node) => ({
      ...node,
      lower: node.lower.map((low, feature) => Math.max(low, this.#sample[feature] - this.upper)),
      upper: node.upper.map((high, feature) => Math.min(high, this.#sample[feature] + this.upper)),
    }))
  }

  /** Puts a box back that the budget did not reach. */
  putBack(node: DistanceNode): void {
    this.#open.push(node)
  }

  /** Where the functions and the inherited one allow the rival. */
  view(node: DistanceNode, functions: MarginFunctions): View {
    const { below } = functions
    let both = node.inherited ?? below[0]
    let candidate: Float64Array | undefined
    for (const linear of below) {
      const [one, other] = [linear, both].map((each) => planeOf(each, noise * magnitude(each, node)))
      const near = nearestInBoth(this.#norm, this.#sample, one, other, node)
      candidate = near?.point
      if (!near) break
      both = mean(linear, both, near.share)
    }
    return { functions, both, candidate }
  }

  /** Goes on with what the functions leave of a box: as a whole where that is much less, else halved so many times. */
  branch(node: DistanceNode, { functions, both }: View, times: number): void {
    this.boxes++
    const { below } = functions
    const reach = (box: Float64Box) => {
      const [first, second] = [below[0], both].map((linear) =>
        nearestInHalfSpace(this.#norm, this.#sample, planeOf(linear, 0), box),
      )
      return first && second && Math.max(first.distance, second.distance)
    }
    const rest = [...below, both].reduce(within, node)
    const influences = nonlinearity(functions)
    const width = (box: Float64Box) =>
      influences.reduce((sum, influence, feature) => sum + influence * (box.upper[feature] - box.lower[feature]), 0)
    const isMuchLess = width(rest) > 0 && width(rest) <= width(node) / 2
    const parts = isMuchLess ? [rest] : halveAgain(rest, influences, times)
    // Too small to be halved: rounding hides what it holds.
    if (parts.length === 0) this.#aside = Math.min(this.#aside, Math.max(reach(node) ?? this.#aside, node.distance))
    for (const part of parts) {
      const reached = reach(part)
      if (reached === undefined) continue
      const distance = Math.max(reached, node.distance)
      this.#open.push({ ...part, rival: node.rival, distance, inherited: both })
    }
  }

  #matters(distance: number): boolean {
    return distance < this.upper * (1 - tolerance)
  }
}

/** Where a function is at most −`less`. */
function planeOf({ coefficients, constant }: LinearFunction, less: number): Hyperplane {
  return { normal: coefficients, offset: -constant - less }
}

function mean(one: LinearFunction, other: LinearFunction, share: number): LinearFunction {
  return {
    coefficients: one.coefficients.map((slope, feature) => share * slope + (1 - share) * other.coefficients[feature]),
    constant: share * one.constant + (1 - share) * other.constant,
  }
}

/** What a box is cut down to by a function that must not be positive. */
function within(box: Float64Box, below: LinearFunction): Float64Box {
  const { coefficients, constant } = below
  const ends = coefficients.map((slope, feature) => slope * (slope > 0 ? box.lower : box.upper)[feature])
  const least = ends.reduce((sum, end) => sum + end, constant)
  const room = Math.max(-least, 0) + beyondNoise * magnitude(below, box)
  return {
    lower: box.lower.map((low, feature) =>
      coefficients[feature] < 0 ? Math.max(low, box.upper[feature] + room / coefficients[feature]) : low,
    ),
    upper: box.upper.map((high, feature) =>
      coefficients[feature] > 0 ? Math.min(high, box.lower[feature] + room / coefficients[feature]) : high,
    ),
  }
}

/** How much the two functions differ per unit of each feature: nothing where the margin is linear. */
function nonlinearity({ below, above }: MarginFunctions): Float64Array {
  const differences = below[0].coefficients.map((slope, feature) => {
    const difference = Math.abs(above.coefficients[feature] - slope)
    return difference > noise * Math.abs(slope) ? difference : 0
  })
  // Two functions with the same slope may be far apart all the same.
  const least = leastShare * Math.max(...differences)
  return differences.map((difference) => Math.max(difference, least))
}

function halveAgain(box: Float64Box, influences: Float64Array, times: number): Float64Box[] {
  const halves = halve(box, influences)
  return halves.flatMap((half) => {
    const parts = times > 1 ? halveAgain(half, influences, times - 1) : []
    return parts.length > 0 ? parts : [half]
  })
}

/** Halves along the feature in which the functions differ most, or the longest one; none where nothing is left to halve. */
function halve({ lower, upper }: Float64Box, influences: Float64Array): Float64Box[] {
  let best = { feature: -1, influence: -1, width: 0 }
  lower.forEach((low, feature) => {
    const width = upper[feature] - low
    if (!(width > noise * Math.max(Math.abs(low), Math.abs(upper[feature])))) return
    const influence = influences[feature] * width
    if (influence < best.influence || (influence === best.influence && width <= best.width)) return
    best = { feature, influence, width }
  })
  const { feature } = best
  if (feature < 0) return []
  const middle = lower[feature] + best.width / 2
  return [
    { lower, upper: upper.with(feature, middle) },
    { lower: lower.with(feature, middle), upper },
  ]
}
