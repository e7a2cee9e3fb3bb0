import { afterAll, beforeAll, expect, test } from 'vitest'
import { engine } from '../../src/engine/engine.js'
import { floatTensor } from '../../src/graph/builder.js'
import * as unfooled from '../../src/index.js'
import { vjpGraph } from '../../src/passes/jacobian-graphs.js'
import { randomSource } from '../../src/sampling/random.js'
import { attackList } from '../attack-list.mjs'
import { seed } from '../seed.js'
import { denseModel } from '../tiny-models.js'

const { attack, bound, ensemble, fromFunctions, loadModel, NoGradientError, NoGraphError, transfer } = unfooled

const random = randomSource(seed)
const rows = (outputs: number, inputs: number) =>
  Array.from({ length: outputs }, () => Array.from({ length: inputs }, () => random.normal() / Math.sqrt(inputs)))
const layers = [
  { weights: rows(16, 6), activation: 'Relu' as const },
  { weights: rows(4, 16), bias: [0.1, -0.1, 0.05, 0] },
]
const inputs = { data: Float32Array.from({ length: 12 * 6 }, random.uniform), shape: [12, 6] }

let graph: unfooled.Classifier
let hosted: unfooled.Classifier
let blind: unfooled.Classifier
beforeAll(async () => {
  graph = await loadModel(denseModel(...layers), { domain: [0, 1] })
  const functions: unfooled.ClassifierFunctions = {
    predict: (batch) => graph.predict(batch),
    async gradient({ data, shape }, cotangents) {
      const vjp = await graph.compile('vjp', () => vjpGraph(graph.graph))
      const { product } = await vjp.run({
        [graph.graph.inputs[0].name]: floatTensor(data, shape),
        cotangents: floatTensor(cotangents, [shape[0], 4]),
      })
      return product.data as Float32Array
    },
  }
  const settings = { name: 'hosted', featureShape: [6], domain: [0, 1] as const, batchSize: 5 }
  hosted = await fromFunctions(functions, settings)
  blind = await fromFunctions({ predict: functions.predict }, settings)
})
afterAll(async () => {
  for (const model of [graph, hosted, blind]) await model.close()
  await engine.close()
})

const all = attackList(unfooled).flatMap(({ name, norms, make }) => norms.map((norm) => ({ name, norm, make })))
// Linear regions are those of the operators.
const [cases, ofOperators] = [false, true].map((is) => all.filter(({ name }) => (name === 'linearRegion') === is))
const epsilons: Partial<Record<unfooled.AttackNorm, number>> = {
  linf: 0.3,
  l3: 0.5,
  l2: 0.6,
  'l1.5': 0.8,
  l1: 1.2,
  l0: 2,
}

test.each(cases)('$name $norm does to a model of functions what it does to its graph', async ({ norm, make }) => {
  const setting = { norm, epsilon: epsilons[norm]!, quick: true }
  const expected = await attack(graph, make({ ...setting, model: graph }), { inputs, seed })
  const result = await attack(hosted, make({ ...setting, model: hosted }), { inputs, seed })
  expect(result.eligible).toBe(expected.eligible)
  for (const [index, sample] of result.samples.entries()) {
    const other = expected.samples[index]
    expect(sample.fooled).toBe(other.fooled)
    if (sample.fooled) expect(sample.distance![norm]).toBeCloseTo(other.distance![norm], 3)
  }
})

test.each(ofOperators)('$name $norm says that it needs operators', async ({ norm, make }) => {
  for (const model of [hosted, blind]) {
    const refused = attack(model, make({ norm, epsilon: epsilons[norm]!, quick: true, model }), { inputs, seed })
    await expect(refused).rejects.toThrow(NoGraphError)
    await expect(refused).rejects.toThrow(
      'linearRegion needs the operators of the model, and hosted does not show them',
    )
  }
})

const needNone = ['randomNoise', 'square', 'rayS', 'hopSkipJump']

test.each(cases.filter(({ name }) => !needNone.includes(name)))(
  '$name $norm says that it needs gradients',
  async ({ norm, make }) => {
    const method = make({ norm, epsilon: epsilons[norm]!, quick: true, model: blind })
    const refused = attack(blind, method, { inputs, seed })
    await expect(refused).rejects.toThrow(NoGradientError)
    await expect(refused).rejects.toMatchObject({ code: 'NO_GRADIENT', attack: method.name, model: 'hosted' })
  },
)

test.each(cases.filter(({ name }) => needNone.includes(name)))(
  '$name $norm works without gradients',
  async ({ norm, make }) => {
    const setting = { norm, epsilon: epsilons[norm]!, quick: true, model: blind }
    const result = await attack(blind, make(setting), { inputs, seed })
    const expected = await attack(graph, make(setting), { inputs, seed })
    expect(result.samples.map(({ fooled }) => fooled)).toEqual(expected.samples.map(({ fooled }) => fooled))
  },
)

test('the refusal names the attack, the reason and what works', async () => {
  const refused = attack(blind, unfooled.pgd({ epsilon: 0.1 }), { inputs })
  await expect(refused).rejects.toThrowErrorMatchingInlineSnapshot(
    `[NoGradientError: pgd needs gradients, which hosted does not have: it was made without a gradient function. Attacks that need none: randomNoise, square, rayS, hopSkipJump, and transfer from another model; on regressors randomLp and randomPixel.]`,
  )
})

test('transfer and ensemble take models of either kind', async () => {
  const epsilon = 0.3
  const seen = { inputs, seed }
  const pgd = unfooled.pgd({ epsilon })
  const { fooled } = await attack(graph, pgd, seen)
  expect((await attack(blind, transfer({ attack: pgd, surrogates: [graph] }), seen)).fooled).toBe(fooled)
  expect((await attack(graph, transfer({ attack: pgd, surrogates: [hosted] }), seen)).fooled).toBe(fooled)
  const mixed = await attack(graph, ensemble({ epsilon, surrogates: [hosted, graph] }), seen)
  const same = await attack(graph, ensemble({ epsilon, surrogates: [graph, graph] }), seen)
  expect(mixed.samples.map((sample) => sample.fooled)).toEqual(same.samples.map((sample) => sample.fooled))
})

const bounds: unfooled.Bound[] = [
  unfooled.crown({ norm: 'linf' }),
  unfooled.alphaCrown({ norm: 'l2' }),
  unfooled.crownIbp({ norm: 'linf' }),
  unfooled.intervalPropagation({ norm: 'linf' }),
  unfooled.linearExact({ norm: 'l2' }),
  unfooled.lipschitz({ norm: 'l2' }),
  unfooled.taylor(),
  unfooled.publishedPeck(),
]

test.each(bounds)('$name needs a graph', async (method) => {
  const refused = bound(hosted, method, { inputs })
  await expect(refused).rejects.toThrow(NoGraphError)
  await expect(refused).rejects.toThrow(
    `${method.name} needs the operators of the model, and hosted does not show them: it is a function`,
  )
})

test('margins of a bound need a graph as well', async () => {
  const refused = unfooled.marginBounds(hosted, bounds[0], { inputs, epsilon: 0.1 })
  await expect(refused).rejects.toThrow(NoGraphError)
})
