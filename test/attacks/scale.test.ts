import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadFixture } from '../../fixtures/index.js'
import type { Attack } from '../../src/attacks/attack.js'
import { apgd } from '../../src/attacks/auto-attack/apgd.js'
import { fastGradientSignSearch } from '../../src/attacks/line-search/fast-gradient-sign-search.js'
import { iterativePerturbation } from '../../src/attacks/line-search/iterative-perturbation.js'
import { bim } from '../../src/attacks/perturbation-analysis/bim.js'
import { ensemble } from '../../src/attacks/perturbation-analysis/ensemble.js'
import { fgsm } from '../../src/attacks/perturbation-analysis/fgsm.js'
import { pgd } from '../../src/attacks/perturbation-analysis/pgd.js'
import { rfgsm } from '../../src/attacks/perturbation-analysis/rfgsm.js'
import { attack } from '../../src/attacks/run-attack.js'
import { engine } from '../../src/engine/engine.js'
import { decodeModel } from '../../src/graph/decode.js'
import { encodeModel } from '../../src/graph/encode.js'
import type { Classifier } from '../../src/model/classifier.js'
import { loadModel } from '../../src/model/load-model.js'
import { firstSamples } from '../../src/sampling/samples.js'
import { seed } from '../seed.js'

afterAll(() => engine.close())

/** A fixture with something done to its logits. */
async function changed(
  name: 'digits_mlp' | 'spambase_tanh',
  operator: 'Mul' | 'Add',
  ...operand: number[]
): Promise<Classifier> {
  const { modelPath, domain } = await loadFixture(name)
  const graph = decodeModel(readFileSync(modelPath), () => new Uint8Array())
  const [{ name: logits }] = graph.outputs
  const constant = { data: Float32Array.from(operand), shape: [operand.length], type: 'float32' } as const
  const change = { ...graph.nodes[0], name: 'change', operator, inputs: [logits, 'operand'], outputs: ['changed'] }
  const bytes = encodeModel({
    ...graph,
    nodes: [...graph.nodes, { ...change, attributes: new Map() }],
    constants: new Map([...graph.constants, ['operand', constant]]),
    outputs: [{ ...graph.outputs[0], name: 'changed' }],
  })
  return loadModel(bytes, { domain })
}

/** The same adversarial examples, whatever the scale. */
const scaled = (name: 'digits_mlp' | 'spambase_tanh', scale: number) => changed(name, 'Mul', scale)

// From all alike to far beyond where exponentials overflow: the logits of the fixture are 21 apart, in the median.
const scales = [1e-6, 0.1, 0.25, 10, 1000]

describe.each(scales)('logits times %s', (scale) => {
  let models: Classifier[]
  beforeAll(async () => {
    models = await Promise.all([scaled('digits_mlp', 1), scaled('digits_mlp', scale)])
  })
  afterAll(() => Promise.all(models.map((model) => model.close())))

  test.each<[string, (model: Classifier) => Attack]>([
    ['fgsm', () => fgsm({ epsilon: 0.1 })],
    ['rfgsm', () => rfgsm({ epsilon: 0.1 })],
    ['bim', () => bim({ epsilon: 0.08 })],
    ['pgd', () => pgd({ epsilon: 0.08, steps: 10 })],
    ['pgd in l2', () => pgd({ norm: 'l2', epsilon: 0.4, steps: 10 })],
    ['pgd to a target', () => pgd({ epsilon: 0.1, steps: 10, target: 1 })],
    ['apgd', () => apgd({ epsilon: 0.08, steps: 10 })],
    ['ensemble', (model) => ensemble({ surrogates: [model], epsilon: 0.08, steps: 10 })],
    ['fastGradientSignSearch', () => fastGradientSignSearch()],
    ['iterativePerturbation', () => iterativePerturbation({ stepSize: 0.01, steps: 30 })],
    ['pgd with the margin', () => pgd({ epsilon: 0.08, steps: 10, loss: 'margin' })],
    ['apgd with the difference of logits ratio', () => apgd({ epsilon: 0.08, steps: 10, loss: 'dlr' })],
  ])('hide nothing from %s', async (_, method) => {
    const { samples } = await loadFixture('digits_mlp')
    const [whole, other] = await Promise.all(
      models.map((model) => attack(model, method(model), { ...firstSamples(samples, 100), seed })),
    )
    expect(Math.abs(Math.log(other.medianDistance / whole.medianDistance))).toBeLessThan(0.03)
    // A loss that sees the same in other numbers takes other ways now and then.
    expect(Math.abs(other.fooled - whole.fooled)).toBeLessThanOrEqual(2)
    expect(whole.fooled).toBeGreaterThan(10)
  })
})

test.each(scales)('two classes, and logits times %s', async (scale) => {
  const { samples } = await loadFixture('spambase_tanh')
  const models = await Promise.all([scaled('spambase_tanh', 1), scaled('spambase_tanh', scale)])
  for (const method of [pgd({ epsilon: 0.03, steps: 10 }), apgd({ epsilon: 0.03, steps: 10 })]) {
    const [whole, other] = await Promise.all(
      models.map((model) => attack(model, method, { ...firstSamples(samples, 100), seed })),
    )
    expect(other.fooled).toBe(whole.fooled)
    expect(whole.fooled).toBeGreaterThan(5)
  }
  await Promise.all(models.map((model) => model.close()))
})

test.each([-1e4, -1e9])('a class that is masked by %s does not count', async (mask) => {
  const { samples } = await loadFixture('digits_mlp')
  // Far below all others, but not by so much that it could set the scale.
  const masks = [-60, mask].map((last) => changed('digits_mlp', 'Add', 0, 0, 0, 0, 0, 0, 0, 0, 0, last))
  const models = await Promise.all(masks)
  for (const method of [pgd({ epsilon: 0.08, steps: 10 }), apgd({ epsilon: 0.08, steps: 10 })]) {
    const [whole, other] = await Promise.all(
      models.map((model) => attack(model, method, { ...firstSamples(samples, 100), seed })),
    )
    expect(Math.abs(other.fooled - whole.fooled)).toBeLessThanOrEqual(1)
    expect(whole.fooled).toBeGreaterThan(10)
  }
  await Promise.all(models.map((model) => model.close()))
})
