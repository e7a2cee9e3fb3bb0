import { expect, test } from 'vitest'
import { GraphBuilder } from '../../src/graph/builder.js'
import { decodeModel } from '../../src/graph/decode.js'
import { encodeModel } from '../../src/graph/encode.js'
import { loadRegressor } from '../../src/model/load-regressor.js'

/** x·W, once around zeros, and some of it. */
function wide() {
  const builder = new GraphBuilder(18)
  const input = builder.input('input', 'float32', ['batch', 3])
  const weights = Float32Array.from({ length: 3 * 20_000 }, (_, index) => index % 7)
  const product = builder.add('MatMul', [input, builder.floats(weights, [3, 20_000])])
  const columns = Array.from({ length: 10_000 }, (_, index) => 2 * index)
  builder.output('output', builder.add('Gather', [product, builder.ints(columns)], { axis: 1 }))
  return builder.build()
}

test('large tensors come back as they were, next to small ones', () => {
  const graph = wide()
  const read = decodeModel(encodeModel(graph), () => new Uint8Array())
  expect(new Set(read.constants.keys())).toEqual(new Set(graph.constants.keys()))
  for (const [name, tensor] of graph.constants) expect(read.constants.get(name)).toEqual(tensor)
  expect(read.nodes.map(({ operator }) => operator)).toEqual(graph.nodes.map(({ operator }) => operator))
})

test('the runtime reads them, too', async () => {
  const model = await loadRegressor(encodeModel(wide()), { domain: [0, 1] })
  const outputs = await model.predict({ data: Float32Array.of(1, 0, 0), shape: [1, 3] })
  expect(Array.from(outputs.subarray(0, 5))).toEqual([0, 2, 4, 6, 1])
  await model.close()
})

test('what is read is no view of the file', () => {
  const bytes = encodeModel(wide())
  const [[name, tensor]] = decodeModel(bytes, () => new Uint8Array()).constants
  const before = tensor.data.slice()
  bytes.fill(0)
  expect(tensor.data, name).toEqual(before)
})
