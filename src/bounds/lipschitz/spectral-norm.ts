import { GraphBuilder } from '../../graph/builder.js'
import type { Graph } from '../../graph/graph.js'
import type { Classifier } from '../../model/classifier.js'

/** Matrices of one size, row-major, one after the other. */
export interface MatrixStack {
  readonly count: number
  readonly rows: number
  readonly columns: number
  readonly data: Float64Array
}

/** Each squaring halves what the bound can be too large by: n^(1/2048) after nine of them, 0.7 % for n = 2^20. */
const mostSquarings = 9

/** Numbers per run that squares and products of a stack may hold. */
const mostElements = 2 ** 22

/** Squares below the smallest float64 number vanish: so much of a norm per row. */
const underflow = 1e-150

/** γ_k of float64, with eight more roundings. */
const gamma = (roundings: number) => (2 * (roundings + 8)) / 2 ** 53

/**
 * Upper bounds of the largest singular value of each matrix, at most a few per mille above it: Gram iteration (Delattre,
 * Barthélemy, Araujo and Allauzen, "Efficient bound of Lipschitz constant for convolutional layers by Gram iteration",
 * ICML 2023). Squaring G = AᵀA again and again and taking the Frobenius norm at the end bounds ‖G‖ from above at every
 * step, where power iteration would bound it from below. The bounds hold for all rounding errors of the iteration.
 */
export async function spectralNorms(
  model: Classifier,
  stack: MatrixStack,
  squarings = mostSquarings,
): Promise<Float64Array> {
  const { count, rows, columns, data } = stack
  const side = Math.min(rows, columns)
  const inner = Math.max(rows, columns)
  const ofRows = rows < columns
  const key = `gram iteration of ${ofRows ? 'rows' : 'columns'}, ${squarings} squarings`
  const iteration = await model.compile(key, () => gramGraph(ofRows, squarings))
  const norms = new Float64Array(count)
  const most = Math.max(1, Math.floor(mostElements / (rows * columns + side * side)))
  for (let start = 0; start < count; start += most) {
    const part = data.slice(start * rows * columns, (start + most) * rows * columns)
    const shape = [part.length / (rows * columns), rows, columns]
    const { squares, scales } = await iteration.run({ matrices: { type: 'float64', shape, data: part } })
    for (let index = 0; index < shape[0]; index++) {
      const own = (scales.data as Float64Array).subarray(index * (squarings + 1), (index + 1) * (squarings + 1))
      norms[start + index] = boundFromScales(own, (squares.data as Float64Array)[index], side, inner)
    }
  }
  return norms
}

/**
 * From stacked `matrices` to `squares`, their squared Frobenius norms, and `scales`: the Frobenius norms of G₀ = AᵀA and
 * of each G_k+1 = (G_k / ‖G_k‖)².
 */
function gramGraph(ofRows: boolean, squarings: number): Graph {
  const builder = new GraphBuilder(18, 'float64')
  const matrices = builder.input('matrices', 'float64', ['count', 'rows', 'columns'])
  const transpose = (value: string) => builder.add('Transpose', [value], { perm: [0, 2, 1] })
  const squaresOf = (value: string) =>
    builder.add('ReduceSum', [builder.add('Mul', [value, value]), builder.ints([1, 2])], { keepdims: 1 })
  const transposed = transpose(matrices)
  let gram = builder.add('MatMul', ofRows ? [matrices, transposed] : [transposed, matrices])
  const scales: string[] = []
  for (let step = 0; step <= squarings; step++) {
    const scale = builder.add('Sqrt', [squaresOf(gram)])
    scales.push(scale)
    if (step === squarings) break
    // A matrix of zeros stays one.
    const divisor = builder.add('Max', [scale, builder.scalar(1e-300)])
    const power = builder.add('Div', [gram, divisor])
    const square = builder.add('MatMul', [power, power])
    // Rounding must not make it asymmetric: only for symmetric matrices is ‖G‖² = ‖G²‖.
    gram = builder.add('Mul', [builder.add('Add', [square, transpose(square)]), builder.scalar(0.5)])
  }
  builder.output('squares', builder.add('Reshape', [squaresOf(matrices), builder.ints([-1])]))
  builder.output('scales', builder.add('Concat', scales, { axis: 1 }))
  return builder.build()
}

/**
 * Backwards through the iteration: with M = G_k / f_k as computed, ‖M‖² = ‖M²‖ ≤ ‖fl(M²)‖ + γ_n·‖M‖_F² and
 * ‖fl(M²)‖ = f_k+1·‖G_k+1 / f_k+1‖. Frobenius norms are sums of n² squares, hence `slack`.
 */
function boundFromScales(scales: Float64Array, squares: number, side: number, inner: number): number {
  const slack = 1 + gamma(side * side)
  let norm = slack
  for (let step = scales.length - 1; step > 0; step--) {
    norm = Math.sqrt(scales[step] * norm * slack + gamma(side) * slack) * slack
  }
  const gram = scales[0] * norm * slack + gamma(inner) * squares * (1 + gamma(side * inner))
  return Math.sqrt(gram + side * underflow) * slack
}
