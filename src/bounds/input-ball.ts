import type { Domain } from '../geometry/domain.js'
import { leastPositive } from '../geometry/float32.js'
import type { Precision } from '../graph/builder.js'
import type { BallSettings } from '../passes/ball-settings.js'
import type { Inputs } from '../sampling/samples.js'

export type FloatArray = Float32Array | Float64Array

/** A ball around each input with the box around it: what a bound ranges over. */
export interface InputBall {
  readonly centre: FloatArray
  readonly radius: FloatArray
  readonly lower: FloatArray
  readonly upper: FloatArray
}

/**
 * Balls of radius `epsilon` (one per sample) in the precision of the bound. Where rounding is covered, all ends are
 * rounded outwards to float32: no float32 input of the ball is lost.
 */
export function inputBall(
  inputs: Inputs,
  epsilon: ArrayLike<number>,
  domain: Domain,
  settings: BallSettings,
): InputBall {
  const { data } = inputs
  const features = domain.lower.length
  const sizes = [epsilon.length, data.length, data.length]
  const [radius, lower, upper] = sizes.map((length) => floatArray(settings.precision, length))
  const outwards = settings.rounding === 'covered' ? float32Above : (value: number) => value
  const [least, most] = settings.domain === 'intersect' ? [domain.lower, domain.upper] : []
  for (let sample = 0, index = 0; sample < epsilon.length; sample++) {
    const reach = epsilon[sample]
    radius[sample] = outwards(reach)
    for (let feature = 0; feature < features; feature++, index++) {
      const below = -outwards(reach - data[index])
      const above = outwards(data[index] + reach)
      lower[index] = least && below < least[feature] ? least[feature] : below
      upper[index] = most && above > most[feature] ? most[feature] : above
    }
  }
  return { centre: settings.precision === 'float32' ? data : Float64Array.from(data), radius, lower, upper }
}

export function floatArray(precision: Precision, length: number): FloatArray {
  return precision === 'float32' ? new Float32Array(length) : new Float64Array(length)
}

// A little more than half of what float32 numbers are apart, so that rounding to nearest ends above. That takes the rounding
// of a float64 sum along, which is far less.
const halfStep = 2 ** -24 * (1 + 2 ** -20)

/** A float32 number above `value`, not much farther from it than the next one. */
function float32Above(value: number): number {
  return Math.fround(value + halfStep * Math.abs(value) + leastPositive)
}
