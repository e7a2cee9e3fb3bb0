import { expect, test } from 'vitest'
import { engine } from '../../src/engine/engine.js'
import { floatTensor } from '../../src/graph/builder.js'
import { loadModel } from '../../src/model/load-model.js'
import { adversarialLossGraph } from '../../src/passes/adversarial-loss-graph.js'
import { randomSource } from '../../src/sampling/random.js'
import { range } from '../../src/sampling/rows.js'
import { seed } from '../seed.js'
import { denseModel } from '../tiny-models.js'

/** −log(P(wanted) / P(wanted or unwanted)) and its gradient with respect to the logits, term by term. */
function lossOf(logits: readonly number[], wanted: readonly number[], unwanted: readonly number[]) {
  const sum = (classes: readonly number[], shift: number) =>
    classes.reduce((total, label) => total + Math.exp(logits[label] - shift), 0)
  const [best, rival] = [wanted, unwanted].map((classes) => Math.max(...classes.map((label) => logits[label])))
  const [up, down] = [sum(wanted, best), sum(unwanted, rival)]
  const rest = 1 / (1 + (up / down) * Math.exp(best - rival))
  return logits.map((logit, label) => {
    if (wanted.includes(label)) return (-rest * Math.exp(logit - best)) / up
    if (unwanted.includes(label)) return (rest * Math.exp(logit - rival)) / down
    return 0
  })
}

const cases: { logits: number[]; wanted: number[]; unwanted: number[] }[] = [
  { logits: [1, 2, 0.5, -1], wanted: [2], unwanted: [0, 1, 3] },
  { logits: [1, 2, 0.5, -1], wanted: [0, 2, 3], unwanted: [1] },
  { logits: [1, 2, 0.5, -1], wanted: [3], unwanted: [1] },
  { logits: [0, 0, 0, 0], wanted: [0, 1], unwanted: [2, 3] },
  // The cross-entropy's own gradient underflows here.
  { logits: [200, 0, -3, 1], wanted: [1, 2, 3], unwanted: [0] },
  { logits: [-200, 40, 39, 41], wanted: [0], unwanted: [1, 2, 3] },
  { logits: [60, -20, 5, 0], wanted: [0], unwanted: [1, 2, 3] },
]

test('the gradient is that of the two sets of classes, on confident samples too', async () => {
  const random = randomSource(seed)
  const weights = range(4).map(() => range(3).map(() => Math.fround(random.normal())))
  for (const { logits, wanted, unwanted } of cases) {
    const model = await loadModel(denseModel({ weights, bias: logits }), { domain: [-1, 1] })
    const session = await engine.createSession(adversarialLossGraph(model.graph))
    const mask = (classes: readonly number[]) => ({
      type: 'bool' as const,
      shape: [2, 4],
      data: Uint8Array.from([0, 1, 2, 3, 0, 1, 2, 3], (label) => Number(classes.includes(label))),
    })
    const results = await session.run({
      [model.graph.inputs[0].name]: floatTensor(new Float32Array(6), [2, 3]),
      wanted: mask(wanted),
      unwanted: mask(unwanted),
    })
    const slopes = lossOf(logits, wanted, unwanted)
    const expected = range(3).map((feature) =>
      slopes.reduce((sum, slope, label) => sum + slope * weights[label][feature], 0),
    )
    const size = Math.max(...expected.map(Math.abs))
    expect(size).toBeGreaterThan(0)
    expect(results.gradient.shape).toEqual([2, 3])
    Array.from(results.gradient.data as Float32Array).forEach((derivative, index) => {
      expect(Math.abs(derivative - expected[index % 3])).toBeLessThan(1e-5 * size)
    })
    await session.release()
    await model.close()
  }
  await engine.close()
})
