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
    const isBetter = (place: number) =>
      rowAt[place] >= 0 && (bound.data as FloatArray)[place] > this.bounds[rowAt[place]]
    for (let place = 0; place < rowAt.length; place++) {
      if (!isBetter(place)) continue
      // Rows that follow one another are copied together, which is much faster than one by one.
      const start = place
      while (isBetter(place + 1) && rowAt[place + 1] === rowAt[place] + 1) place++
      const copy = (from: FloatArray, to: FloatArray, width: number) =>
        to.set(from.subarray(start * width, (place + 1) * width), rowAt[start] * width)
      copy(bound.data as FloatArray, this.bounds, 1)
      if (!this.functions) continue
      copy(coefficients.data as FloatArray, this.functions.coefficients, size)
      copy(constant.data as FloatArray, this.functions.constants, 1)
    }
  }
}
