/**
 * Solves A x = b by Gaussian elimination with partial pivoting, in place: `matrix` (row-major, n × n) is destroyed and
 * `right` (n × columns) becomes the solution.
 * @returns false when A is singular to working precision.
 */
export function solveInPlace(matrix: Float64Array, right: Float64Array, n: number, columns = 1): boolean {
  for (let pivot = 0; pivot < n; pivot++) {
    let best = pivot
    for (let row = pivot + 1; row < n; row++) {
      if (Math.abs(matrix[row * n + pivot]) > Math.abs(matrix[best * n + pivot])) best = row
    }
    swapRows(matrix, n, pivot, best)
    swapRows(right, columns, pivot, best)
    const divisor = matrix[pivot * n + pivot]
    if (!(Math.abs(divisor) > 0 && Number.isFinite(divisor))) return false
    for (let row = pivot + 1; row < n; row++) {
      const factor = matrix[row * n + pivot] / divisor
      if (factor === 0) continue
      for (let column = pivot; column < n; column++) matrix[row * n + column] -= factor * matrix[pivot * n + column]
      for (let column = 0; column < columns; column++)
        right[row * columns + column] -= factor * right[pivot * columns + column]
    }
  }
  for (let row = n - 1; row >= 0; row--) {
    for (let column = 0; column < columns; column++) {
      let value = right[row * columns + column]
      for (let known = row + 1; known < n; known++) value -= matrix[row * n + known] * right[known * columns + column]
      right[row * columns + column] = value / matrix[row * n + row]
    }
  }
  return true
}

function swapRows(matrix: Float64Array, width: number, first: number, second: number): void {
  if (first === second) return
  for (let column = 0; column < width; column++) {
    const kept = matrix[first * width + column]
    matrix[first * width + column] = matrix[second * width + column]
    matrix[second * width + column] = kept
  }
}
