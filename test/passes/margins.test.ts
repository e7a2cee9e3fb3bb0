import { afterAll, expect, test } from 'vitest'
import { engine } from '../../src/engine/engine.js'
import { floatTensor, GraphBuilder, intTensor } from '../../src/graph/builder.js'
import { loadModel } from '../../src/model/load-model.js'
import { ruleContext } from '../../src/passes/context.js'
import { declareInputs, emitForward } from '../../src/passes/forward.js'
import { emitClassPairs, emitMargins } from '../../src/passes/margins.js'
import { denseModel } from '../tiny-models.js'

afterAll(() => engine.close())

test('margins of chosen class pairs and their gradients, in one pass', async () => {
  const model = await loadModel(
    denseModel(
      {
        weights: [
          [1, 2],
          [3, -1],
          [-1, -1],
        ],
        activation: 'Relu',
      },
      {
        weights: [
          [1, 0, 5],
          [0, 1, 5],
          [2, 2, 5],
        ],
        bias: [0.5, 0, -1],
      },
    ),
    { domain: [0, 1] },
  )
  const { graph } = model
  const builder = new GraphBuilder(graph.opset)
  declareInputs(graph, builder)
  const labels = builder.input('labels', 'int64', ['batch'])
  const rivals = builder.input('rivals', 'int64', ['batch', 'rivals'])
  const forward = emitForward(graph, ruleContext(graph, builder))
  const pairs = emitClassPairs(graph, builder, labels, rivals)
  const { margins, gradients } = emitMargins(graph, builder, forward, pairs)
  builder.output('margins', margins)
  builder.output('gradients', gradients)
  const session = await engine.createSession(builder.build())

  // Hidden units at (0.5, 0.25): 1, 1.25, off; at (0, 1): 2, off, off.
  const results = await session.run({
    [graph.inputs[0].name]: floatTensor(Float32Array.of(0.5, 0.25, 0, 1), [2, 2]),
    labels: intTensor([2, 0]),
    rivals: intTensor([0, 1, 2, 1], [2, 2]),
  })
  expect(results.margins.shape).toEqual([2, 2])
  expect(Array.from(results.margins.data as Float32Array)).toEqual([2, 2.25, -0.5, 2.5])
  expect(results.gradients.shape).toEqual([2, 2, 2])
  expect(Array.from(results.gradients.data as Float32Array)).toEqual([7, 0, 5, 3, -1, -2, 1, 2])
  await session.release()
  await model.close()
})
