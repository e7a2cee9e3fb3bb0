import { afterAll, expect, test } from 'vitest'
import { intervalPropagation } from '../../src/bounds/crown.js'
import { marginBounds } from '../../src/bounds/run-bound.js'
import { engine } from '../../src/engine/engine.js'
import type { GraphBuilder } from '../../src/graph/builder.js'
import { encodeModel } from '../../src/graph/encode.js'
import { loadModel } from '../../src/model/load-model.js'
import { graphOf } from '../tiny-models.js'
import { differentiate } from './differentiate.js'

afterAll(() => engine.close())

test.for<[string, readonly number[]]>([
  ['Round', [1, 1, 1, 1, 1]],
  ['Floor', [1, 1, 1, 1, 1]],
  ['Ceil', [1, 1, 1, 1, 1]],
  ['Sign', [0, 1, 1, 1, 0]],
])('the gradient passes straight through %s', async ([operator, slopes]) => {
  const build = (builder: GraphBuilder, input: string) => builder.add(operator, [input])
  const { gradient, tangent } = await differentiate({ features: [5], input: [-2, -0.4, 0, 0.7, 3], build }, 'float32')
  expect(gradient).toEqual(slopes)
  expect(tangent).toEqual(slopes)
})

test('a model that rounds says that its gradients are estimates', async () => {
  const rounds = graphOf([2], (builder, input) =>
    builder.add('Round', [builder.add('Mul', [input, builder.scalar(8)])]),
  )
  const model = await loadModel(encodeModel(rounds), { domain: [0, 1] })
  expect(model.description.warnings).toHaveLength(1)
  expect(model.description.warnings[0]).toMatch(/rounds values \(Round, .*Gradients pass straight through/)
  await model.close()
})

test('bounds of rounded values are those of their ends', async () => {
  const rounds = graphOf([2], (builder, input) =>
    builder.add('MatMul', [
      builder.add('Round', [builder.add('Mul', [input, builder.scalar(10)])]),
      builder.floats([1, 0, 0, 1], [2, 2]),
    ]),
  )
  const model = await loadModel(encodeModel(rounds), { domain: [0, 1] })
  try {
    const inputs = { data: Float32Array.of(0.7, 0.2), shape: [1, 2] }
    const margin = async (epsilon: number) =>
      (await marginBounds(model, intervalPropagation({ norm: 'linf' }), { inputs, labels: [0], epsilon }))[1]
    // 7 ± 0.4 rounds to 7 and 2 ± 0.4 to 2; 7 ± 0.6 to 6 at least and 2 ± 0.6 to 3 at most.
    expect(await margin(0.04)).toBeCloseTo(5, 4)
    expect(await margin(0.06)).toBeCloseTo(3, 4)
  } finally {
    await model.close()
  }
})
