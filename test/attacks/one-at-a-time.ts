import type { GraphBuilder } from '../../src/graph/builder.js'
import { encodeModel } from '../../src/graph/encode.js'
import { graphOf } from '../tiny-models.js'

/** The same network as a model for any number of samples and as one that takes one sample at a time, and samples of it. */
export function oneAtATimeCase() {
  const build = (batch: number | string) =>
    encodeModel(
      graphOf(
        [2],
        (builder, input) => {
          const hidden = builder.add('Tanh', [
            builder.add('MatMul', [input, builder.floats([1, -2, 3, 0.5, 1, -1], [2, 3])]),
          ])
          // A constant with one row cannot be joined to several samples.
          const row = batch === 1 ? builder.floats([0], [1, 1]) : constantColumn(builder, input)
          const joined = builder.add('Concat', [hidden, row], { axis: 1 })
          return builder.add('MatMul', [joined, builder.floats([1, 0, 0, 1, 1, 1, 5, 5], [4, 2])])
        },
        batch,
      ),
    )
  const inputs = { data: Float32Array.of(0.2, 0.3, 0.8, 0.1, 0.5, 0.5), shape: [3, 2] }
  return { together: build('batch'), alone: build(1), inputs }
}

function constantColumn(builder: GraphBuilder, input: string): string {
  const sum = builder.add('ReduceSum', [input, builder.ints([1])])
  return builder.add('Mul', [sum, builder.scalar(0)])
}
