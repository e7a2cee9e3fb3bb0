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
    const values = bound.data as FloatArray
    const copy = (from: FloatArray, to: FloatArray, [start, end]: readonly [number, number], width: number) =>
      to.set(from.subarray(start * width, end * width), rowAt[start] * width)
    for (let place = 0; place < rowAt.length; ) {
      const start = place
      // Rows that follow one another are copied together, which is much faster than one by one.
      for (let row = rowAt[start]; rowAt[place] === row && values[place] > this.bounds[row]; row++) {
        this.bounds[row] = values[place++]
      }
      if (place === start) place++
      else if (this.functions) {
        copy(coefficients.data as FloatArray, this.functions.coefficients, [start, place], size)
        copy(constant.data as FloatArray, this.functions.constants, [start, place], 1)
      }
    }
  }
}
