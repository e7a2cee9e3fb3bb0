import type { Results } from '../engine/engine.js'
import type { Precision } from '../graph/builder.js'
import { type FloatArray, floatArray } from './input-ball.js'

/** Linear functions of the input, one per row: coefficients [rows, ...features] and constants [rows]. */
export interface LinearFunctions {
  readonly coefficients: FloatArray
  readonly constants: FloatArray
}

export interface RowBounds {
  readonly bounds: FloatArray
  /** Functions that the rows are nowhere below, whose minimum is the bound. */
  readonly functions?: LinearFunctions | undefined
}

/** The best bound of each row so far. */
export class BestRows implements RowBounds {
  readonly bounds: FloatArray
  functions: LinearFunctions | undefined
  readonly #precision: Precision

  constructor(count: number, precision: Precision) {
    this.bounds = floatArray(precision, count).fill(Number.NEGATIVE_INFINITY)
    this.#precision = precision
  }

  /** Takes results for the rows in `rowAt`, −1 where there is none. A bound that is NaN is not larger. */
  take({ bound, coefficients, constant }: Results, rowAt: ArrayLike<number>): void {
    const size = coefficients ? coefficients.data.length / rowAt.length : 0
    if (coefficients) {
      this.functions ??= {
        coefficients: floatArray(this.#precision, this.bounds.length * size),
        constants: floatArray(this.#precision, this.bounds.length),
      }
    }
    for (let place = 0; place < rowAt.length; place++) {
      const row = rowAt[place]
      const value = (bound.data as FloatArray)[place]
      if (row < 0 || !(value > this.bounds[row])) continue
      this.bounds[row] = value
      if (!this.functions) continue
      const own = (coefficients.data as FloatArray).subarray(place * size, (place + 1) * size)
      this.functions.coefficients.set(own, row * size)
      this.functions.constants[row] = (constant.data as FloatArray)[place]
    }
  }
}
