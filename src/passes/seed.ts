import type { GraphBuilder } from '../graph/builder.js'
import { elementCount, featureShape } from '../graph/graph.js'
import { asNumber } from '../operators/element-type.js'
import { emitFromParts, emitParts } from '../operators/lines.js'
import type { RowContext } from '../operators/operator.js'
import { padAxis } from '../operators/pad-axis.js'

/** Linear functions of a value, as {@link emitSeed} lays them out: int32 vectors in the built graph. */
export interface SeedRows {
  /** The sample of each row. */
  readonly sample: string
  readonly plus: string
  readonly minus: string
  /** Whether no row has both. */
  readonly isOneSided: boolean
}

// Above this it takes too long to make a table of all differences.
const largestTable = 2 ** 20

/** Seeds times a matrix [elements, width]: differences of its rows. Few rows of it are used at a time, so that nothing is summed. */
export function emitSeedProduct(
  { plus, minus, isOneSided }: SeedRows,
  matrix: string,
  [elements, width]: readonly [elements: number, width: number],
  builder: GraphBuilder,
): string {
  // onnxruntime folds these into constants.
  const padded = padAxis(matrix, 0, 2, 1, 0, builder)
  const gathered = (table: string, place: string) => builder.add('Gather', [table, place], { axis: 0 })
  const partsOf = (table: string, place: string) => {
    const { positive, negative } = emitParts(table, builder)
    return emitFromParts(gathered(positive, place), gathered(negative, place), builder)
  }
  if (!isOneSided) {
    const [from, less] = [plus, minus].map((position) => emitPlace(position, builder))
    const places = elements + 1
    if (places * places * width > largestTable) {
      return builder.add('Sub', [gathered(padded, from), gathered(padded, less)])
    }
    const along = (axis: number) => builder.add('Unsqueeze', [padded, builder.ints([axis])])
    const differences = builder.add('Reshape', [builder.add('Sub', [along(1), along(0)]), builder.ints([-1, width])])
    const rowLength = builder.constant({ type: 'int32', shape: [], data: Int32Array.of(places) })
    return partsOf(differences, builder.add('Add', [builder.add('Mul', [from, rowLength]), less]))
  }
  // Positions below zero count from the end, where the first row is, negated.
  const bounds = [-1, -(2 ** 31), 0, -1].map((number) => builder.ints([number]))
  const reversed = builder.add('Neg', [builder.add('Slice', [matrix, ...bounds])])
  const place = builder.once('place of side', () => builder.add('Sub', [plus, minus]))
  return partsOf(builder.add('Concat', [padded, reversed], { axis: 0 }), place)
}

/** Where a position is behind a slice of zeros, which nowhere, −1, becomes. */
function emitPlace(position: string, builder: GraphBuilder): string {
  const one = () => builder.constant({ type: 'int32', shape: [], data: Int32Array.of(1) })
  return builder.once(`place ${position}`, () => builder.add('Add', [position, builder.once('int32 1', one)]))
}

/** Per row of `value` the number `below` at `plus` less that `above` at `minus`, rounded down. */
export function emitAtSeeds(
  { sample, plus, minus }: SeedRows,
  below: string,
  above: string,
  value: string,
  context: RowContext,
): string {
  const { builder, rounding } = context
  const count = elementCount(featureShape(context.shape(value))!)
  // One difference, and the sums that follow.
  const allowance = rounding.gamma(context.sumRoundings([1]) + 16)
  const at = (sliced: string, position: string, outwards: 'Add' | 'Sub') => {
    const error = builder.add('Mul', [builder.add('Abs', [sliced]), builder.scalar(allowance)])
    const wide = allowance > 0 ? builder.add(outwards, [sliced, error]) : sliced
    const slices = builder.add('Reshape', [context.slices(wide, value), builder.ints([-1, count])])
    const padded = padAxis(slices, 1, 2, 1, 0, builder)
    const place = emitPlace(position, builder)
    const size = builder.constant({ type: 'int32', shape: [], data: Int32Array.of(count + 1) })
    const index = builder.add('Add', [builder.add('Mul', [sample, size]), place])
    return builder.add('Gather', [builder.add('Reshape', [padded, builder.ints([-1])]), index], { axis: 0 })
  }
  const difference = builder.add('Sub', [at(below, plus, 'Sub'), at(above, minus, 'Add')])
  return builder.add('Reshape', [difference, builder.ints([-1])])
}

/** One linear function per row, of coefficient 1 at flat position `plus` and −1 at `minus`; −1 means nowhere. */
export function emitSeed(plus: string, minus: string, shape: readonly number[], builder: GraphBuilder): string {
  const count = elementCount(shape)
  const positions = builder.constant({
    type: 'int32',
    shape: [count],
    data: Int32Array.from({ length: count }, (_, position) => position),
  })
  const oneHot = (position: string) => {
    const column = builder.add('Unsqueeze', [position, builder.ints([1])])
    return asNumber(builder.add('Equal', [column, positions]), builder)
  }
  const flat = builder.add('Sub', [oneHot(plus), oneHot(minus)])
  return builder.add('Reshape', [flat, builder.ints([0, ...shape])])
}
