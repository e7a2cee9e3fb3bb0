import { solveInPlace } from './linear-system.js'

/** A column of a sparse matrix. */
export interface Column {
  readonly rows: Int32Array
  readonly values: Float64Array
}

/** The inverse of a square matrix, kept up to date while its columns are exchanged one by one. */
export class BasisInverse {
  readonly size: number
  /** Squared lengths of the rows. */
  readonly lengths: Float64Array
  /** How many columns were exchanged since the inverse was computed from the matrix: rounding adds up. */
  exchanges = 0
  readonly #entries: Float64Array

  constructor(size: number) {
    this.size = size
    this.lengths = new Float64Array(size)
    this.#entries = new Float64Array(size * size)
  }

  /** Computes the inverse of the matrix with these columns; false where it has none. */
  invert(columns: readonly Column[]): boolean {
    const { size } = this
    const matrix = new Float64Array(size * size)
    columns.forEach(({ rows, values }, place) => {
      for (let index = 0; index < rows.length; index++) matrix[rows[index] * size + place] = values[index]
    })
    this.#entries.fill(0)
    for (let row = 0; row < size; row++) this.#entries[row * (size + 1)] = 1
    if (!solveInPlace(matrix, this.#entries, size, size)) return false
    for (let row = 0; row < size; row++) this.lengths[row] = this.#lengthOf(row)
    this.exchanges = 0
    return true
  }

  /** A row of the inverse; not to be changed. */
  row(row: number): Float64Array {
    return this.#entries.subarray(row * this.size, (row + 1) * this.size)
  }

  /** A row times a vector. */
  rowTimes(row: number, vector: Float64Array): number {
    const entries = this.#entries
    const start = row * this.size
    let sum = 0
    for (let index = 0; index < vector.length; index++) sum += entries[start + index] * vector[index]
    return sum
  }

  /** The inverse times a column. */
  times({ rows, values }: Column): Float64Array {
    const { size } = this
    const entries = this.#entries
    const product = new Float64Array(size)
    for (let index = 0; index < size; index++) {
      for (let place = 0; place < rows.length; place++) {
        product[index] += entries[index * size + rows[place]] * values[place]
      }
    }
    return product
  }

  /** Puts another column in the place of one; `product` is what {@link times} makes of it. */
  exchange(row: number, product: Float64Array): void {
    const { size } = this
    const entries = this.#entries
    // Many entries are zero, and stay so.
    const places: number[] = []
    for (let place = 0; place < size; place++) {
      if (entries[row * size + place] === 0) continue
      entries[row * size + place] /= product[row]
      places.push(place)
    }
    for (let other = 0; other < size; other++) {
      const factor = product[other]
      if (other === row || factor === 0) continue
      for (const place of places) entries[other * size + place] -= factor * entries[row * size + place]
      this.lengths[other] = this.#lengthOf(other)
    }
    this.lengths[row] = this.#lengthOf(row)
    this.exchanges++
  }

  #lengthOf(row: number): number {
    const entries = this.#entries
    let sum = 0
    for (let index = row * this.size; index < (row + 1) * this.size; index++) sum += entries[index] ** 2
    return sum
  }
}
