import type { GraphBuilder } from '../graph/builder.js'
import { elementCount, featureShape } from '../graph/graph.js'
import { emitRowSum, sumOfMagnitudes, sumOfSquares } from '../operators/batch-invariant.js'
import { emitParts } from '../operators/lines.js'
import type { Interval, IntervalContext, RowContext } from '../operators/operator.js'
import { emitCentreAndReach } from '../operators/ranges.js'

/** A lower bound of each row's linear function over a set, and a point (one row each) where it is about as small. */
export interface Minimum {
  readonly bound: string
  readonly point: string
}

/** Longer sums go in two steps, which round every number far fewer times than one long sum may. */
const longestSum = 32
/**
 * The same for sums of what is small itself: for one column, onnxruntime multiplies in half the time of two. Longer ones it
 * may cut into parts for several threads, at whose ends it rounds otherwise.
 */
const longestOfSmall = 128
/** Up to here the first step is a product with a matrix of ones and zeros, beyond it is one for each block. */
const longestFolded = 1024

/** How many partial sums a folded sum has: onnxruntime computes up to 16 columns of a product in the time of one. */
function foldsOf(count: number): number {
  return count <= 128 ? 8 : 16
}

/** Sums each row. */
export function emitSum(
  value: string,
  shape: readonly number[],
  { builder }: Pick<IntervalContext, 'builder'>,
): string {
  const count = elementCount(shape)
  const rows = builder.add('Reshape', [value, builder.ints([-1, count])])
  return builder.add('Reshape', [emitSumAsColumn(rows, count, builder), builder.ints([-1])])
}

/** Sums each row of a matrix [rows, count]: [rows, 1]. */
export function emitSumAsColumn(rows: string, count: number, builder: GraphBuilder): string {
  if (count <= longestSum) return emitRowSum(rows, count, builder)
  if (count <= longestFolded) {
    const partial = builder.add('MatMul', [rows, transposed(emitFold(count, builder), [1, 0], builder)])
    return emitRowSum(partial, foldsOf(count), builder)
  }
  const width = blockWidth(count)
  const blocks = builder.add('Reshape', [rows, builder.ints([-1, width])])
  const partial = builder.add('Reshape', [emitRowSum(blocks, width, builder), builder.ints([-1, count / width])])
  return emitRowSum(partial, count / width, builder)
}

/** Sums the squares of numbers with one row each, `count` of them: [slices, rows of a slice, 1]. */
export function emitSumOfSquares(
  perRow: string,
  count: number,
  { builder, bySlice }: Pick<RowContext, 'builder' | 'bySlice'>,
): string {
  const squares = (numbers: string) => builder.add(sumOfSquares, [numbers, builder.ints([2])])
  if (count <= longestFolded) return squares(bySlice(perRow, [count]))
  const width = blockWidth(count)
  const partial = squares(bySlice(perRow, [width]))
  return builder.add(sumOfMagnitudes, [bySlice(partial, [count / width]), builder.ints([2])])
}

/** Most roundings that it does to any square. */
export function sumOfSquaresRoundings(count: number): number {
  return count <= longestFolded ? count + 1 : sumRoundings([count])
}

/** A matrix [partial sums, count] that adds up every so many numbers. What it multiplies by 0 changes no sum. */
function emitFold(count: number, builder: GraphBuilder): string {
  return builder.once(`fold ${count}`, () => {
    const folds = foldsOf(count)
    const ones = new Float32Array(folds * count)
    for (let index = 0; index < count; index++) ones[(index % folds) * count + index] = 1
    return builder.floats(ones, [folds, count])
  })
}

function transposed(matrices: string, perm: readonly number[], builder: GraphBuilder): string {
  return builder.once(`transposed ${matrices}`, () => builder.add('Transpose', [matrices], { perm }))
}

/** Sums coefficients over `value` times numbers with one slice per sample: all products of all pairs. */
function emitSumOfProducts(
  pairs: readonly (readonly [coefficients: string, sliced: string])[],
  value: string,
  context: Omit<RowContext, 'sumBySign'>,
): string {
  const { builder } = context
  const shape = featureShape(context.shape(value))!
  const count = elementCount(shape)
  const sumOf = (parts: readonly string[]) => parts.reduce((sum, part) => builder.add('Add', [sum, part]))
  if (count > longestFolded) {
    const products = pairs.map(([coefficients, sliced]) => context.combine('Mul', value, [coefficients], [sliced]))
    return emitSum(sumOf(products), shape, context)
  }
  // The matrix of a slice's rows times a column, or as many as there are partial sums.
  const isFolded = count > longestSum
  const products = pairs.map(([coefficients, sliced]) => {
    const rows = context.bySlice(coefficients, [count])
    if (!isFolded) return builder.add('MatMul', [rows, context.ofSlices(sliced, value, [count, 1])])
    // onnxruntime multiplies long runs, and need not transpose for a product of matrices.
    const numbers = context.ofSlices(sliced, value, [1, count])
    const folded = builder.once(`folded ${numbers}`, () => builder.add('Mul', [numbers, emitFold(count, builder)]))
    return builder.add('MatMul', [rows, transposed(folded, [0, 2, 1], builder)])
  })
  return isFolded
    ? emitSum(sumOf(products), [foldsOf(count)], context)
    : builder.add('Reshape', [sumOf(products), builder.ints([-1])])
}

/** The same for numbers that are small next to `value`: the rounding of their sum matters little. */
function emitSumOfSmall(
  pairs: readonly (readonly [coefficients: string, sliced: string])[],
  value: string,
  context: Omit<RowContext, 'sumBySign'>,
): string {
  const { builder } = context
  const count = elementCount(featureShape(context.shape(value))!)
  if (count > longestOfSmall) return emitSumOfProducts(pairs, value, context)
  const products = pairs.map(([coefficients, sliced]) =>
    builder.add('MatMul', [context.bySlice(coefficients, [count]), context.ofSlices(sliced, value, [count, 1])]),
  )
  const sum = products.reduce((total, product) => builder.add('Add', [total, product]))
  return builder.add('Reshape', [sum, builder.ints([-1])])
}

/** See {@link RowContext}. */
export function emitSumBySign(
  coefficients: string,
  below: string | undefined,
  above: string | undefined,
  value: string,
  context: Omit<RowContext, 'sumBySign'>,
): string {
  const { positive, negative } = emitParts(coefficients, context.builder)
  const pairs = [...(below ? [[positive, below] as const] : []), ...(above ? [[negative, above] as const] : [])]
  return emitSumOfSmall(pairs, value, context)
}

/** Most roundings that {@link emitSumBySign} does to any summand. */
export function sumBySignRoundings(shape: readonly number[]): number {
  const count = elementCount(shape)
  return count <= longestOfSmall ? count + 2 : sumRoundings(shape)
}

/** Most roundings that the other sums do to any summand, the product and the sum of two included. */
export function sumRoundings(shape: readonly number[]): number {
  const count = elementCount(shape)
  if (count <= longestSum) return count + 2
  if (count <= longestFolded) return Math.ceil(count / foldsOf(count)) + foldsOf(count) + 2
  const width = blockWidth(count)
  return width + count / width + 2
}

/** The divisor of `count` that is nearest to its square root from above. */
function blockWidth(count: number): number {
  let width = Math.ceil(Math.sqrt(count))
  while (count % width !== 0) width++
  return width
}

/** Lower bound of Σ coefficients·x per row, where x is `value` and in a box: Σ coefficients·middle − Σ |coefficients|·reach. */
export function emitBoxMinimum(coefficients: string, box: Interval, value: string, context: RowContext): string {
  const { centre, reach } = emitCentreAndReach(box, context.samples)
  return emitMinimumAround(coefficients, centre, reach, value, context)
}

/** The same for a box whose ends are small next to `value`. */
export function emitSmallBoxMinimum(coefficients: string, box: Interval, value: string, context: RowContext): string {
  const { builder, rounding } = context
  const { centre, reach } = emitCentreAndReach(box, context.samples)
  const gamma = rounding.gamma(context.sumBySignRoundings(featureShape(context.shape(value))!) + 8)
  const size = builder.add('Add', [builder.add('Abs', [centre]), reach])
  const error = builder.add('Mul', [size, builder.scalar(gamma * (1 + 2 * gamma))])
  const wide = rounding.mode === 'covered' ? builder.add('Add', [reach, error]) : reach
  const pairs = [
    [coefficients, centre] as const,
    [emitSize(coefficients, builder), builder.add('Neg', [wide])] as const,
  ]
  return emitSumOfSmall(pairs, value, context)
}

/** The same where x is no farther from `centre` than `reach`; it is `centre` where that is undefined. */
export function emitMinimumAround(
  coefficients: string,
  centre: string,
  reach: string | undefined,
  value: string,
  context: RowContext,
): string {
  const { builder } = context
  const atCentre = [coefficients, centre] as const
  const downwards = emitDownwards(centre, reach, value, context)
  if (downwards === undefined) return emitSumOfProducts([atCentre], value, context)
  const away = [emitSize(coefficients, builder), downwards] as const
  if (elementCount(featureShape(context.shape(value))!) > longestOfSmall) {
    return emitSumOfProducts([atCentre, away], value, context)
  }
  return builder.add('Add', [emitSumOfProducts([atCentre], value, context), emitSumOfSmall([away], value, context)])
}

function emitSize(coefficients: string, builder: GraphBuilder): string {
  return builder.once(`size of ${coefficients}`, () => builder.add('Abs', [coefficients]))
}

/** Minus what each coefficient, times its sign, may take away from the product with the centre. */
function emitDownwards(
  centre: string,
  reach: string | undefined,
  value: string,
  context: RowContext,
): string | undefined {
  const { builder, rounding } = context
  const times = (numbers: string, factor: number) => builder.add('Mul', [numbers, builder.scalar(-factor)])
  if (rounding.mode === 'ignored') return reach && times(reach, 1)
  const shape = featureShape(context.shape(value))!
  // Of the four roundings more, three are of what is computed here; the last factor is for what is added here.
  const [ofCentre, ofReach] = [context.sumRoundings(shape), context.sumBySignRoundings(shape)].map((roundings) =>
    rounding.gamma(roundings + 4),
  )
  const error = times(builder.add('Abs', [centre]), ofCentre * (1 + 2 * ofReach))
  return reach ? builder.add('Add', [times(reach, 1 + ofReach * (1 + 2 * ofReach)), error]) : error
}

/** Where Σ coefficients·x is smallest over x in a box, one row each. */
export function emitBoxMinimiser(coefficients: string, box: Interval, value: string, context: RowContext): string {
  const { builder, combine } = context
  const isPositive = builder.add('Greater', [coefficients, builder.scalar(0)])
  return combine('Where', value, [isPositive], [box.lower, box.upper])
}
