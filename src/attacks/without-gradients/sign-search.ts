import type { RandomSource } from '../../sampling/random.js'
import { range } from '../../sampling/rows.js'

/** A direction with one sign per feature, and how far to go. */
export interface Ray {
  readonly signs: Int8Array
  readonly radius: number
}

export interface SignSearchSettings {
  readonly center: Float32Array
  /** Upper ends of the domain. */
  readonly upper: Float32Array
  /** Points that the search sets out for, one after the other. */
  readonly starts: Iterator<Float32Array>
  /** Distance within which an adversarial point is looked for at first. */
  readonly radius: number
  readonly random: RandomSource
}

/**
 * Which rays to try for one sample. From each starting point: flip all signs, halves, quarters, down to single features;
 * first in the order of the features, then in random orders, until a whole pass has brought the boundary no closer.
 */
export class SignSearch {
  readonly #settings: SignSearchSettings
  #best: Ray | undefined
  #order: number[]
  #blockSize = 0
  #position = 0
  #radiusBefore = Number.POSITIVE_INFINITY

  constructor(settings: SignSearchSettings) {
    this.#settings = settings
    this.#order = range(settings.center.length)
  }

  /** A ray that is worth trying: if it is adversarial at its radius it is better than the best so far. */
  propose(): Ray {
    if (!this.#best || !this.#advance()) return this.#start()
    const signs = Int8Array.from(this.#best.signs)
    for (const feature of this.#order.slice(this.#position, this.#position + this.#blockSize)) signs[feature] *= -1
    this.#position += this.#blockSize
    return { signs, radius: this.#best.radius }
  }

  /** Takes a proposed ray for the best so far; its radius is where the boundary was found. */
  accept(ray: Ray): void {
    this.#best = ray
  }

  #start(): Ray {
    const { center, upper, starts, radius } = this.#settings
    this.#best = undefined
    this.#order = range(center.length)
    this.#blockSize = center.length
    this.#position = 0
    this.#radiusBefore = Number.POSITIVE_INFINITY
    const point = starts.next().value as Float32Array
    // Where start and center agree, mostly at an end of the domain, the sign that leads out of it changes nothing yet.
    const signs = Int8Array.from(
      point,
      (coordinate, feature) => Math.sign(coordinate - center[feature]) || (coordinate < upper[feature] ? -1 : 1),
    )
    return { signs, radius }
  }

  /** Moves on to the next block. Says whether there is one. */
  #advance(): boolean {
    if (this.#position < this.#order.length) return true
    this.#position = 0
    if (this.#blockSize > 1) {
      this.#blockSize = Math.ceil(this.#blockSize / 2)
      return true
    }
    const { radius } = this.#best!
    if (radius >= this.#radiusBefore) return false
    this.#radiusBefore = radius
    this.#blockSize = this.#order.length
    this.#order = shuffled(this.#order, this.#settings.random)
    return true
  }
}

function shuffled(values: readonly number[], random: RandomSource): number[] {
  return values
    .map((value) => ({ value, key: random.uniform() }))
    .sort((left, right) => left.key - right.key)
    .map(({ value }) => value)
}
