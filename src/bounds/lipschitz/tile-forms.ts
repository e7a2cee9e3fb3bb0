import { range } from '../../sampling/rows.js'

/** Elements of a tile of 2×2. */
export const tileSize = 4

const [size, area] = [tileSize, tileSize ** 2]

/** So much of the mean square of a tile's elements counts as noise: forms stay far from singular. */
const noise = 1e-3
const roundsOfWeights = 12
const roundsOfRoot = 24

/**
 * For each channel a root B, 4×4, of a form M = BᵀB that is at least the square of any element of a tile: the diagonal of
 * M⁻¹ is one. `moments` are the sums of v·vᵀ over the tiles v of the channel, and M makes the sum of vᵀMv over them small:
 * the smallest tr(P⁻¹·S) over P = M⁻¹ with ones on the diagonal has P⁻¹·S·P⁻¹ diagonal, so that
 * P = D^−½·(D^½·S·D^½)^½·D^−½, where D makes the diagonal right.
 */
export function maximumRoots(moments: Float64Array): Float64Array {
  const roots = new Float64Array(moments.length)
  for (let start = 0; start < moments.length; start += area) {
    roots.set(inverseOfFactor(correlations(moments.subarray(start, start + area))), start)
  }
  return roots
}

/** M = BᵀB of each channel. */
export function formsOf(roots: Float64Array): Float64Array {
  const forms = new Float64Array(roots.length)
  for (let start = 0; start < roots.length; start += area) {
    const root = roots.subarray(start, start + area)
    forms.set(product(transposed(root), root), start)
  }
  return forms
}

/** P for the moments S of a channel. Whatever the iteration gives, its diagonal is one. */
function correlations(moments: Float64Array): Float64Array {
  const power = diagonal(moments).reduce((sum, square) => sum + square, 0) / size
  if (!(power > 0)) return identity()
  const own = scaled(moments, 1 / power)
  for (const index of range(size)) own[index * (size + 1)] += noise
  let weights: number[] = diagonal(own)
  let found = identity()
  for (let round = 0; round < roundsOfWeights; round++) {
    const ends = weights.map(Math.sqrt)
    const inner = squareRoot(own.map((value, at) => value * ends[Math.floor(at / size)] * ends[at % size]))
    found = inner.map((value, at) => value / (ends[Math.floor(at / size)] * ends[at % size]))
    weights = weights.map((weight, index) => weight * found[index * (size + 1)] ** 2)
  }
  const ends = diagonal(found).map(Math.sqrt)
  return found.map((value, at) => {
    const [row, column] = [Math.floor(at / size), at % size]
    return row === column ? 1 : value / (ends[row] * ends[column])
  })
}

/** Of a positive definite matrix, by the coupled iteration of Newton and Schulz (Higham, "Functions of Matrices", 6.3). */
function squareRoot(matrix: Float64Array): Float64Array {
  const trace = diagonal(matrix).reduce((sum, value) => sum + value, 0)
  let root = scaled(matrix, 1 / trace)
  let inverse = identity()
  for (let round = 0; round < roundsOfRoot; round++) {
    const step = product(inverse, root).map((value, at) => ((at % (size + 1) === 0 ? 3 : 0) - value) / 2)
    root = product(root, step)
    inverse = product(step, inverse)
  }
  return scaled(root, Math.sqrt(trace))
}

/** L⁻¹ of P = L·Lᵀ, a root of P⁻¹. */
function inverseOfFactor(matrix: Float64Array): Float64Array {
  const factor = new Float64Array(area)
  const inverse = new Float64Array(area)
  for (const row of range(size)) {
    for (const column of range(row + 1)) {
      const known = range(column).reduce((sum, at) => sum + factor[row * size + at] * factor[column * size + at], 0)
      const rest = matrix[row * size + column] - known
      factor[row * size + column] = row === column ? Math.sqrt(rest) : rest / factor[column * (size + 1)]
    }
    for (const column of range(row + 1)) {
      const carried = range(row).reduce((sum, at) => sum + factor[row * size + at] * inverse[at * size + column], 0)
      inverse[row * size + column] = ((row === column ? 1 : 0) - carried) / factor[row * (size + 1)]
    }
  }
  return inverse
}

function product(left: Float64Array, right: Float64Array): Float64Array {
  return Float64Array.from({ length: area }, (_, at) => {
    const [row, column] = [Math.floor(at / size), at % size]
    let sum = 0
    for (let index = 0; index < size; index++) sum += left[row * size + index] * right[index * size + column]
    return sum
  })
}

function transposed(matrix: Float64Array): Float64Array {
  return matrix.map((_, at) => matrix[(at % size) * size + Math.floor(at / size)])
}

function scaled(matrix: Float64Array, factor: number): Float64Array {
  return matrix.map((value) => value * factor)
}

function diagonal(matrix: Float64Array): number[] {
  return range(size).map((index) => matrix[index * (size + 1)])
}

function identity(): Float64Array {
  return Float64Array.from({ length: area }, (_, at) => (at % (size + 1) === 0 ? 1 : 0))
}
