import type { Attack, AttackContext } from '../attacks/attack.js'
import type { Float64Box } from '../geometry/float64-box.js'
import { lengthOf, type Norm } from '../geometry/norm.js'
import type { Classifier } from '../model/classifier.js'
import { range, rowOf } from '../sampling/rows.js'
import { logitsInFloat64 } from './margin-functions.js'

// How much nearer than the nearest known point others must be to matter, as a share of the distance.
const tolerance = 1e-6
// What is nearest may be on the boundary: how far beyond to look, as shares of the distance.
const beyond = [0, 1e-10, 1e-8, 5e-7, 1e-5]

/** The nearest input known that a model, computed in float64, classifies otherwise than a sample. */
export class NearestPoint {
  point: Float64Array | undefined
  /** Distance of the point, or more than any in the domain. */
  reach: number
  /** Displacements that stay in the domain. */
  readonly room: Float64Box
  readonly sample: Float64Array
  readonly #norm: Norm
  readonly #label: number

  constructor(model: Classifier, norm: Norm, sample: Float64Array, label: number) {
    this.sample = sample
    this.#norm = norm
    this.#label = label
    this.room = {
      lower: sample.map((value, feature) => model.domain.lower[feature] - value),
      upper: sample.map((value, feature) => model.domain.upper[feature] - value),
    }
    const corner = this.room.upper.map((high, feature) => Math.max(high, -this.room.lower[feature]))
    this.reach = 2 * this.lengthOf(corner)
  }

  /** What is this near may matter. */
  get limit(): number {
    return this.reach * (1 - tolerance)
  }

  lengthOf(displacement: Float64Array): number {
    return lengthOf(this.#norm, displacement)
  }

  /** The point at a displacement that stays in the domain. */
  at(displacement: Float64Array): Float64Array {
    return this.#moved(displacement, 0)
  }

  /** A point of the domain and some a little farther away. */
  behind(point: Float64Array): Float64Array[] {
    const displacement = this.displacementOf(point)
    return beyond.map((share) => this.#moved(displacement, share))
  }

  displacementOf(point: Float64Array): Float64Array {
    return point.map((value, feature) => value - this.sample[feature])
  }

  take(point: Float64Array, logits: Float64Array): void {
    const length = this.lengthOf(this.displacementOf(point))
    const isOther = logits.some((logit, other) => other !== this.#label && logit >= logits[this.#label])
    if (!isOther || length >= this.reach) return
    this.point = point
    this.reach = length
  }

  #moved(displacement: Float64Array, share: number): Float64Array {
    const { lower, upper } = this.room
    return displacement.map((step, feature) => {
      return this.sample[feature] + Math.min(Math.max((1 + share) * step, lower[feature]), upper[feature])
    })
  }
}

/** Asks the model about points, and some behind them, that may be nearer than what is known of a sample each. */
export async function propose(
  model: Classifier,
  points: readonly Float64Array[],
  of: readonly NearestPoint[],
): Promise<void> {
  const all = points.flatMap((point, index) => of[index].behind(point))
  const logits = await logitsInFloat64(model, all)
  all.forEach((point, index) => {
    of[Math.floor(index / beyond.length)].take(point, logits[index])
  })
}

/** The nearest points that an attack finds; the sample itself where the model gives it another class than its label. */
export async function nearestByAttack(context: AttackContext, norm: Norm, attack: Attack) {
  const { model, inputs, labels } = context
  const size = model.domain.lower.length
  const rowsOf = (data: Float32Array) =>
    range(labels.length).map((index) => Float64Array.from(rowOf(data, size, index)))
  const samples = rowsOf(inputs.data)
  const nearest = samples.map((sample, index) => new NearestPoint(model, norm, sample, labels[index]))
  await propose(model, samples, nearest)
  const { adversarial, gradientQueries } = await attack.run(context)
  await propose(model, rowsOf(adversarial), nearest)
  const starts = samples.map((_, index) => {
    return { start: rowOf(adversarial, size, index), gradientQueries: gradientQueries[index] }
  })
  return { nearest, starts }
}
