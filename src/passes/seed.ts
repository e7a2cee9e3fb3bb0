import type { GraphBuilder } from '../graph/builder.js'
import { elementCount } from '../graph/graph.js'
import { asNumber } from '../operators/element-type.js'
import type { RowContext } from '../operators/operator.js'

/** Linear functions of a value, as {@link emitSeed} lays them out: int32 vectors in the built graph. */
export interface SeedRows {
  /** The sample of each row. */
  readonly sample: string
  readonly plus: string
  readonly minus: string
}

/** Seeds times a matrix [elements, width]: differences of its rows. Few rows of it are used at a time, so that nothing is summed. */
export function emitSeedProduct(
  { plus, minus }: SeedRows,
  matrix: string,
  width: number,
  builder: GraphBuilder,
): string {
  // Nowhere, −1, becomes a row of zeros that goes first; onnxruntime folds this into a constant.
  const zeros = builder.add('Expand', [builder.scalar(0), builder.ints([1, width])])
  const padded = builder.add('Concat', [zeros, matrix], { axis: 0 })
  const one = builder.constant({ type: 'int32', shape: [], data: Int32Array.of(1) })
  const row = (position: string) => builder.add('Gather', [padded, builder.add('Add', [position, one])], { axis: 0 })
  return builder.add('Sub', [row(plus), row(minus)])
}

/** Per row the number `below` at `plus` less that `above` at `minus`, rounded down; both have `count` numbers per sample. */
export function emitAtSeeds(
  { sample, plus, minus }: SeedRows,
  below: string,
  above: string,
  count: number,
  context: RowContext,
): string {
  const { builder, rounding } = context
  // One difference, and the sums that follow.
  const allowance = rounding.gamma(context.sumRoundings([1]) + 16)
  const size = builder.constant({ type: 'int32', shape: [], data: Int32Array.of(count) })
  const zero = builder.constant({ type: 'int32', shape: [], data: Int32Array.of(0) })
  const first = builder.add('Mul', [sample, size])
  const at = (value: string, position: string, outwards: 'Add' | 'Sub') => {
    const error = builder.add('Mul', [builder.add('Abs', [value]), builder.scalar(allowance)])
    const wide = allowance > 0 ? builder.add(outwards, [value, error]) : value
    const flat = builder.add('Reshape', [wide, builder.ints([-1])])
    const index = builder.add('Add', [first, builder.add('Max', [position, zero])])
    const isSomewhere = asNumber(builder.add('GreaterOrEqual', [position, zero]), builder)
    return builder.add('Mul', [builder.add('Gather', [flat, index], { axis: 0 }), isSomewhere])
  }
  return builder.add('Sub', [at(below, plus, 'Sub'), at(above, minus, 'Add')])
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
