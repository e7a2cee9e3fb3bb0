import type { GraphBuilder } from '../graph/builder.js'
import { elementCount } from '../graph/graph.js'
import { asNumber } from '../operators/element-type.js'

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
