/** How close the search comes to the largest radius that the bound certifies. */
const relativeTolerance = 0.01
/** Radii below this part of the largest one are not looked for. */
const smallestPart = 1e-7
const mostEvaluations = 80

/** The search for the largest certified radius of one sample: false position on the smallest margin. */
export class RadiusSearch {
  /** Largest radius that was certified, 0 without any. */
  certified = 0
  /** What to evaluate next; undefined at the end. */
  next: number | undefined
  readonly #largest: number
  #failed: number | undefined
  #marginAtCertified: number
  #marginAtFailed = Number.NEGATIVE_INFINITY
  #sameSide = 0
  #evaluations = 0

  /** `largest` is the radius that covers the domain, `margin` the smallest margin at the sample itself. */
  constructor(largest: number, margin: number) {
    this.#largest = largest
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
    const fall = (this.#marginAtCertified - margin) / (radius - this.certified)
    this.#sameSide = this.#sameSide > 0 ? this.#sameSide + 1 : 1
    // Illinois: an end that stays twice gets half its weight.
    if (this.#sameSide > 1) this.#marginAtFailed /= 2
    this.certified = radius
    this.#marginAtCertified = margin
    if (this.#failed === undefined) this.#reach = radius + (fall > 0 ? margin / fall : radius)
  }

  #fail(radius: number, margin: number): void {
    this.#sameSide = this.#sameSide < 0 ? this.#sameSide - 1 : -1
    if (this.#sameSide < -1) this.#marginAtCertified /= 2
    this.#failed = radius
    this.#marginAtFailed = margin
  }

  /** Where the margin reaches zero if it goes on falling as it did. */
  #reach = 0

  #propose(): number | undefined {
    const low = this.certified
    const high = this.#failed
    if (high === undefined) {
      if (low >= this.#largest) return undefined
      return Math.min(this.#largest, Math.max(1.05 * low, Math.min(this.#reach, 20 * low)))
    }
    if (high - low <= relativeTolerance * low || high < smallestPart * this.#largest) return undefined
    const [ahead, behind] = [this.#marginAtCertified, this.#marginAtFailed]
    const part = ahead > 0 && Number.isFinite(ahead) && Number.isFinite(behind) ? ahead / (ahead - behind) : 0.5
    const root = low + part * (high - low)
    if (low === 0) return Math.min(Math.max(root, high / 20), high / 2)
    // A step just beyond the root that is nearly known closes the bracket at once.
    const step = 0.9 * relativeTolerance * low
    if (high - low <= 2 * step) return (low + high) / 2
    return Math.min(Math.max(root, low + step), high - step)
  }
}
