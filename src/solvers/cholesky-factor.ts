/** The lower triangular factor L, with L · Lᵀ = A, of a symmetric positive definite matrix that grows and shrinks by its last rows. */
export class CholeskyFactor {
  readonly #rows: Float64Array[] = []

  /** Adds a row of A, up to its diagonal entry, which is destroyed. False, with nothing added, where A is no longer positive definite. */
  grow(row: Float64Array): boolean {
    const size = this.#rows.length
    for (let column = 0; column < size; column++) {
      const other = this.#rows[column]
      let rest = row[column]
      for (let before = 0; before < column; before++) rest -= row[before] * other[before]
      row[column] = rest / other[column]
    }
    let square = row[size]
    for (let column = 0; column < size; column++) square -= row[column] * row[column]
    if (!(square > 0)) return false
    row[size] = Math.sqrt(square)
    this.#rows.push(row)
    return true
  }

  /** Leaves the first rows. */
  shrink(size: number): void {
    this.#rows.length = size
  }

  /** Replaces a vector b by the solution of A x = b. */
  solve(vector: Float64Array): void {
    const rows = this.#rows
    for (let row = 0; row < rows.length; row++) {
      const factors = rows[row]
      let rest = vector[row]
      for (let column = 0; column < row; column++) rest -= factors[column] * vector[column]
      vector[row] = rest / factors[row]
    }
    for (let row = rows.length - 1; row >= 0; row--) {
      const factors = rows[row]
      const value = vector[row] / factors[row]
      vector[row] = value
      for (let column = 0; column < row; column++) vector[column] -= factors[column] * value
    }
  }
}
