import { afterAll, expect, test } from 'vitest'
import { crown, crownIbp, intervalPropagation } from '../../src/bounds/crown.js'
import { marginBounds } from '../../src/bounds/run-bound.js'
import { engine } from '../../src/engine/engine.js'
import type { GraphBuilder } from '../../src/graph/builder.js'
import { encodeModel } from '../../src/graph/encode.js'
import { loadModel } from '../../src/model/load-model.js'
import { graphOf } from '../tiny-models.js'

afterAll(() => engine.close())

/** An extreme of numbers in a row. */
type Pick = (builder: GraphBuilder, row: string, length: number) => string

const image = (builder: GraphBuilder, row: string, length: number) =>
  builder.add('Reshape', [row, builder.ints([0, 1, 1, length])])

const reduced =
  (operator: string): Pick =>
  (builder, row) =>
    builder.add(operator, [row, builder.ints([1])], { keepdims: 1 })

const pooled =
  (attributes: Record<string, readonly number[]>): Pick =>
  (builder, row, length) =>
    builder.add('Flatten', [builder.add('MaxPool', [image(builder, row, length)], attributes)])

const greatest: Record<string, Pick> = {
  ReduceMax: reduced('ReduceMax'),
  'ReduceMin of negatives': (builder, row, length) =>
    builder.add('Neg', [reduced('ReduceMin')(builder, builder.add('Neg', [row]), length)]),
  MaxPool: (builder, row, length) => pooled({ kernel_shape: [1, length] })(builder, row, length),
  'MaxPool with gaps': (builder, row, length) =>
    pooled({ kernel_shape: [1, 2], dilations: [1, length - 1] })(builder, row, length),
  GlobalMaxPool: (builder, row, length) =>
    builder.add('Flatten', [builder.add('GlobalMaxPool', [image(builder, row, length)])]),
}

/** Logits −max(−1, …, −1, 1/x, −1, …, −1) and −2, with the quotient at a place of the row. */
const graphWith = (pick: Pick, place: number, length: number) =>
  graphOf([1], (builder, input) => {
    const constant = (value: number) =>
      builder.add('Add', [builder.add('Mul', [input, builder.scalar(0)]), builder.scalar(value)])
    const quotient = builder.add('Div', [builder.scalar(1), input])
    const row = Array.from({ length }, (_, index) => (index === place ? quotient : constant(-1)))
    const largest = pick(builder, builder.add('Concat', row, { axis: 1 }), length)
    return builder.add('Concat', [builder.add('Neg', [largest]), constant(-2)], { axis: 1 })
  })

test.for(Object.entries(greatest))('%s of what nothing is known of has no bound', async ([, pick]) => {
  const length = 4
  for (const place of [0, length - 1]) {
    const model = await loadModel(encodeModel(graphWith(pick, place, length)), { domain: [-1, 1] })
    const at = (x: number) => model.predict({ data: Float32Array.of(x), shape: [1, 1] })
    // The ball around −0.3 holds an input of the other class: 1/x is large just above 0.
    expect(Array.from(await at(-0.3))).toEqual([1, -2])
    expect(Array.from(await at(0.0625))).toEqual([-16, -2])
    for (const bound of [intervalPropagation, crownIbp, crown]) {
      const request = { inputs: { data: Float32Array.of(-0.3), shape: [1, 1] }, labels: [0] }
      const [, beyond] = await marginBounds(model, bound({ norm: 'linf' }), { ...request, epsilon: 0.5 })
      expect(beyond).toBe(Number.NEGATIVE_INFINITY)
      const [, inside] = await marginBounds(model, bound({ norm: 'linf' }), { ...request, epsilon: 0.1 })
      expect(inside).toBeGreaterThan(2.9)
    }
    await model.close()
  }
})
