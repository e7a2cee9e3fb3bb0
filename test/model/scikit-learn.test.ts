import { afterAll, expect, test } from 'vitest'
import { engine } from '../../src/engine/engine.js'
import { GraphBuilder } from '../../src/graph/builder.js'
import { encodeModel } from '../../src/graph/encode.js'
import type { Attribute } from '../../src/graph/graph.js'
import {
  attack,
  bound,
  deepFool,
  hopSkipJump,
  linearExact,
  loadModel,
  pgd,
  randomNoise,
  rayS,
  square,
  UnsupportedOperatorError,
} from '../../src/index.js'
import { gradientError } from '../../src/model/check-gradient.js'
import { seed } from '../seed.js'

afterAll(() => engine.close())

const floats = (...values: number[]): Attribute => ({ kind: 'floats', value: values })
const ints = (...values: number[]): Attribute => ({ kind: 'ints', value: values })
const strings = (...values: string[]): Attribute => ({ kind: 'strings', value: values })
const string = (value: string): Attribute => ({ kind: 'string', value })

/** A classifier as skl2onnx writes it: labels first, then probabilities, in dictionaries unless `zipmap` is false. */
function exported(
  classifier: 'TreeEnsembleClassifier' | 'LinearClassifier',
  attributes: Record<string, Attribute>,
  { zipmap = true, names = [] as readonly string[], labels: count = 3, scaled = false } = {},
): Uint8Array {
  const builder = new GraphBuilder(17)
  const add = (operator: string, input: string, outputs: string[], given: Record<string, Attribute>) =>
    builder.node({
      operator,
      name: operator,
      domain: 'ai.onnx.ml',
      inputs: [input],
      outputs,
      attributes: new Map(Object.entries(given)),
    })
  const labels = (whole: string): Record<string, Attribute> =>
    names.length > 0 ? { classlabels_strings: strings(...names) } : { [whole]: ints(...[0, 1, 2].slice(0, count)) }
  builder.input('X', 'float32', ['N', 2])
  let features = 'X'
  if (scaled) {
    add('Scaler', 'X', ['scaled'], { offset: floats(0.5, 0.25), scale: floats(2, 4) })
    features = 'scaled'
  }
  let probabilities = 'raw'
  if (classifier === 'LinearClassifier') {
    add(classifier, features, ['label', 'raw'], { ...attributes, ...labels('classlabels_ints') })
    add('Normalizer', 'raw', ['normalised'], { norm: string('L1') })
    probabilities = 'normalised'
  } else add(classifier, features, ['label', 'raw'], { ...attributes, ...labels('classlabels_int64s') })
  if (zipmap) add('ZipMap', probabilities, ['zipped'], labels('classlabels_int64s'))
  builder.output('output_label', names.length > 0 ? 'label' : builder.add('Cast', ['label'], { to: 7 }))
  builder.output('output_probability', zipmap ? 'zipped' : probabilities)
  const graph = builder.build()
  const [label, probability] = graph.outputs
  return encodeModel({
    ...graph,
    // Dictionaries have no tensor type.
    outputs: [
      { ...label, type: names.length > 0 ? undefined : 'int64' },
      zipmap ? probability : { ...probability, type: 'float32', shape: ['N', count] },
    ],
  })
}

/** Class 0 below x₀ = 0.5; above it class 1 below x₁ = 0.5, and class 2 beyond. */
const tree = {
  nodes_treeids: ints(0, 0, 0, 0, 0),
  nodes_nodeids: ints(0, 1, 2, 3, 4),
  nodes_featureids: ints(0, 0, 1, 0, 0),
  nodes_values: floats(0.5, 0, 0.5, 0, 0),
  nodes_modes: strings('BRANCH_LEQ', 'LEAF', 'BRANCH_LEQ', 'LEAF', 'LEAF'),
  nodes_truenodeids: ints(1, 0, 3, 0, 0),
  nodes_falsenodeids: ints(2, 0, 4, 0, 0),
  class_treeids: ints(0, 0, 0),
  class_nodeids: ints(1, 3, 4),
  class_ids: ints(0, 1, 2),
  class_weights: floats(1, 1, 1),
  post_transform: string('NONE'),
}
const logistic = {
  coefficients: floats(-4, 0, 4, -4, 4, 4),
  intercepts: floats(2, 0, -4),
  multi_class: { kind: 'int', value: 1 } as const,
  post_transform: string('SOFTMAX'),
}
const samples = {
  inputs: { data: Float32Array.of(0.2, 0.3, 0.75, 0.2, 0.8, 0.9), shape: [3, 2] },
  labels: Int32Array.of(0, 1, 2),
}

const trees: Record<string, Uint8Array> = {
  'a tree': exported('TreeEnsembleClassifier', tree),
  'a tree without dictionaries': exported('TreeEnsembleClassifier', tree, { zipmap: false }),
  'a tree of named classes': exported('TreeEnsembleClassifier', tree, { names: ['setosa', 'versicolor', 'virginica'] }),
}

test.each(Object.entries(trees))('%s is loaded, and attacked without gradients', async (_, bytes) => {
  const model = await loadModel(bytes, { domain: [0, 1] })
  expect(model).toMatchObject({
    classes: 3,
    description: { output: { name: 'output_probability' }, fidelity: 0, warnings: [] },
  })
  expect(await model.predict(samples.inputs)).toEqual(Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1))
  const [noise, queries] = [randomNoise({ epsilon: 0.45 }), square({ epsilon: 0.45, queries: 300 })]
  expect((await attack(model, noise, { ...samples, seed })).fooled).toBe(3)
  expect((await attack(model, queries, { ...samples, seed })).fooled).toBe(3)
  for (const method of [rayS({ queries: 300 }), hopSkipJump({ queries: 500 })]) {
    const { samples: attacked } = await attack(model, method, { ...samples, seed })
    // From x₀ = 0.2 the nearest other class begins at 0.5.
    expect(Math.abs(attacked[0].distance![method.norm] - 0.3)).toBeLessThan(0.02)
    expect(attacked.every(({ fooled }) => fooled)).toBe(true)
  }
  await expect(attack(model, pgd({ epsilon: 0.3 }), samples)).rejects.toThrow(UnsupportedOperatorError)
  await model.close()
})

const binary = {
  coefficients: floats(-1, -2, 1, 2),
  intercepts: floats(1, -1),
  multi_class: { kind: 'int', value: 1 } as const,
  post_transform: string('LOGISTIC'),
}
const oneAgainstRest = {
  ...logistic,
  multi_class: { kind: 'int', value: 0 } as const,
  post_transform: string('LOGISTIC'),
}

test.each([
  ['of three classes', exported('LinearClassifier', logistic)],
  ['without dictionaries', exported('LinearClassifier', logistic, { zipmap: false })],
  ['of named classes', exported('LinearClassifier', logistic, { names: ['a', 'b', 'c'] })],
])('a logistic regression %s has logits, gradients and exact bounds', async (_, bytes) => {
  const model = await loadModel(bytes, { domain: [0, 1] })
  expect(model.description.warnings).toEqual([])
  const logits = await model.predict(samples.inputs)
  ;[1.2, -0.4, -2].forEach((expected, index) => expect(logits[index]).toBeCloseTo(expected, 5))
  expect(await model.inputGradient(samples.inputs, [0, 1, 2], 'logit')).toEqual(Float32Array.of(-4, 0, 4, -4, 4, 4))
  const [exact, found] = [
    await bound(model, linearExact({ norm: 'l2' }), samples),
    await attack(model, deepFool({ norm: 'l2' }), samples),
  ]
  for (const [index, { radius }] of exact.samples.entries()) {
    expect(radius).toBeGreaterThan(0)
    expect(found.samples[index].distance!.l2 / radius).toBeGreaterThan(1)
    expect(found.samples[index].distance!.l2 / radius).toBeLessThan(1.02)
  }
  await model.close()
})

test('a logistic regression of two classes is its score', async () => {
  const model = await loadModel(exported('LinearClassifier', binary, { labels: 2 }), { domain: [0, 1] })
  const inputs = { data: Float32Array.of(0.5, 0.75, 0.25, 0.25), shape: [2, 2] }
  // Probabilities of class 1 are sigmoids of x₀ + 2x₁ − 1.
  expect(await model.predict(inputs)).toEqual(Float32Array.of(0, 1, 0, -0.25))
  expect(model.description).toMatchObject({ warnings: [], operators: { Gemm: 1 } })
  const { samples: bounded } = await bound(model, linearExact({ norm: 'linf' }), { inputs })
  expect(bounded[0].radius).toBeCloseTo(1 / 3, 3)
  await model.close()
})

test('a pipeline with a scaler is the score of what was scaled', async () => {
  const model = await loadModel(exported('LinearClassifier', binary, { labels: 2, scaled: true }), { domain: [0, 1] })
  // Scaled: (0.5, 1), with the score 1.5.
  const inputs = { data: Float32Array.of(0.75, 0.5), shape: [1, 2] }
  expect(await model.predict(inputs)).toEqual(Float32Array.of(0, 1.5))
  expect(await model.inputGradient(inputs, [1], 'logit')).toEqual(Float32Array.of(2, 8))
  await model.close()
})

test('one class against the rest keeps its normalised probabilities', async () => {
  const model = await loadModel(exported('LinearClassifier', oneAgainstRest), { domain: [0, 1] })
  const rows = await model.predict(samples.inputs)
  const sigmoids = [1.2, -0.4, -2].map((score) => 1 / (1 + Math.exp(-score)))
  const sum = sigmoids.reduce((total, value) => total + value, 0)
  sigmoids.forEach((value, index) => expect(rows[index]).toBeCloseTo(value / sum, 5))
  expect(await gradientError(model)).toBeLessThan(0.01)
  const { eligible, fooled } = await attack(model, pgd({ epsilon: 0.6 }), { ...samples, seed })
  expect([eligible, fooled]).toEqual([3, 3])
  await model.close()
})

test('the output with the dictionaries may be named, that with the labels may not', async () => {
  const model = await loadModel(trees['a tree'], { domain: [0, 1], output: 'output_probability' })
  expect(model.classes).toBe(3)
  await expect(loadModel(trees['a tree'], { domain: [0, 1], output: 'output_label' })).rejects.toThrow(/int64/)
  await model.close()
})
