import type { Results } from '../engine/engine.js'
import type { Precision } from '../graph/builder.js'
import { elementCount } from '../graph/graph.js'
import { type FloatArray, floatArray } from './input-ball.js'

/** Linear functions of the input, one per row: coefficients [rows, ...features] and constants [rows]. */
export interface LinearFunctions {
  readonly coefficients: FloatArray
  readonly constants: FloatArray
}

export interface RowBounds {
  readonly bounds: FloatArray
  /** Functions that the rows are nowhere below, whose minimum is the bound. */
  readonly functions?: LinearFunctions
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

  /** Bounds of the rows from `first` on. One that is NaN is not larger. */
  take({ bound, coefficients, constant }: Results, first: number): void {
    const size = coefficients ? elementCount(coefficients.shape.slice(1)) : 0
    if (coefficients) {
      this.functions ??= {
        coefficients: floatArray(this.#precision, this.bounds.length * size),
        constants: floatArray(this.#precision, this.bounds.length),
      }
    }
    ;(bound.data as FloatArray).forEach((value, row) => {
      if (!(value > this.bounds[first + row])) return
      this.bounds[first + row] = value
      if (!this.functions) return
      const own = (coefficients.data as FloatArray).subarray(row * size, (row + 1) * size)
      this.functions.coefficients.set(own, (first + row) * size)
      this.functions.constants[first + row] = (constant.data as FloatArray)[row]
    })
  }
}
