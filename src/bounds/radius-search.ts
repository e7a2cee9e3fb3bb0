import { withinHalfSpace } from './half-spaces.js'

/** How close the search comes to the largest radius that the bound certifies. */
const relativeTolerance = 0.01
/** Radii below this part of the largest one are not looked for. */
const smallestPart = 1e-7
const mostEvaluations = 80
/** Margins below this part of that at the sample say that they are positive, not how large they are. */
const leastTelling = 1e-9

/** The search for the largest certified radius of one sample: false position on the smallest margin. */
export class RadiusSearch {
  /** Largest radius that was certified, 0 without any. */
  certified = 0
  /** What to evaluate next; undefined at the end. */
  next: number | undefined
  readonly #largest: number
  #failed: number | undefined
  /** The failure before the last one. */
  #failedBefore: { readonly radius: number; readonly margin: number } | undefined
  #marginAtCertified: number
  #marginAtFailed = Number.NEGATIVE_INFINITY
  #sameSide = 0
  #evaluations = 0
  readonly #marginAtSample: number
  /** How steeply the margin fell in the last certified step, and where it reaches zero if it goes on like this. */
  #fall = 0
  #reach = 0
  /** How far beyond a radius whose margin says nothing to look for one that fails. */
  #growth = 0.04

  /** `largest` is the radius that covers the domain, `margin` the smallest margin at the sample itself. */
  constructor(largest: number, margin: number) {
    this.#largest = largest
    this.#marginAtSample = margin
    this.#marginAtCertified = margin
    this.next = largest > 0 ? largest / 100 : undefined
  }

  /** Takes the smallest margin over the ball of radius {@link next}. NaN counts as not certified. */
  tell(margin: number): void {
    const radius = this.next!
    if (margin > 0 && Number.isFinite(margin)) this.#succeed(radius, margin)
    else this.#fail(radius, margin)
    this.next = ++this.#evaluations < mostEvaluations ? this.#propose() : undefined
  }

  #succeed(radius: number, margin: number): void {
    const inHalfSpace = withinHalfSpace(margin)
    if (inHalfSpace === undefined && margin < leastTelling * this.#marginAtSample) {
      this.#growth *= 2
      this.#reach = radius * (1 + this.#growth)
      this.#keep(radius, 0)
      return
    }
    const value = inHalfSpace ?? margin
    if (inHalfSpace === undefined) {
      const fall = (this.#marginAtCertified - value) / (radius - this.certified)
      // Relaxations lose the faster the larger the ball is: not all of the way is likely, until two steps tell.
      const part = this.#fall > 0 ? 1 : 0.65
      this.#reach = radius + (fall > 0 ? (part * value) / fall : 3 * radius)
      this.#fall = fall
    } else {
      // It goes on falling about as fast as the margins did.
      this.#reach = radius + (this.#fall > 0 ? value / this.#fall : 0.1 * radius)
    }
    this.#sameSide = this.#sameSide > 0 ? this.#sameSide + 1 : 1
    // Illinois: an end that stays twice gets half its weight.
    if (this.#sameSide > 1) this.#marginAtFailed /= 2
    this.#keep(radius, value)
  }

  #keep(radius: number, value: number): void {
    this.certified = radius
    this.#marginAtCertified = value
  }

  #fail(radius: number, margin: number): void {
    this.#sameSide = this.#sameSide < 0 ? this.#sameSide - 1 : -1
    if (this.#sameSide < -1) this.#marginAtCertified /= 2
    if (this.#failed !== undefined) this.#failedBefore = { radius: this.#failed, margin: this.#marginAtFailed }
    this.#failed = radius
    // Far beyond the root margins fall without end; they say no more than that it is not near.
    this.#marginAtFailed = Math.max(margin, -this.#marginAtSample)
  }

  #propose(): number | undefined {
    const low = this.certified
    const high = this.#failed
    if (high === undefined) {
      if (low >= this.#largest) return undefined
      return Math.min(this.#largest, Math.max(1.009 * low, Math.min(this.#reach, 8 * low)))
    }
    if (high - low <= relativeTolerance * low || high < smallestPart * this.#largest) return undefined
    const [ahead, behind] = [this.#marginAtCertified, this.#marginAtFailed]
    const part = ahead > 0 && Number.isFinite(ahead) && Number.isFinite(behind) ? ahead / (ahead - behind) : 0.5
    const root = (ahead === 0 ? this.#extrapolate(low, high) : undefined) ?? low + part * (high - low)
    if (low === 0) return Math.min(Math.max(root, high / 20), high / 2)
    // A step just beyond the root that is nearly known closes the bracket at once.
    const step = 0.9 * relativeTolerance * low
    if (high - low <= 2 * step) return (low + high) / 2
    return Math.min(Math.max(root, low + step), high - step)
  }

  /** Where the line through the last two failures reaches zero, if that is between the radii. */
  #extrapolate(low: number, high: number): number | undefined {
    if (!this.#failedBefore) return undefined
    const { radius, margin } = this.#failedBefore
    const root = high - (this.#marginAtFailed * (radius - high)) / (margin - this.#marginAtFailed)
    return root > low && root < high ? root : undefined
  }
}
