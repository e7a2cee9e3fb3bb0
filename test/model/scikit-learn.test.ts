import { afterAll, expect, test } from 'vitest'
import { engine } from '../../src/engine/engine.js'
import { GraphBuilder } from '../../src/graph/builder.js'
import { encodeModel } from '../../src/graph/encode.js'
import type { Attribute } from '../../src/graph/graph.js'
import {
  attack,
  hopSkipJump,
  loadModel,
  pgd,
  randomNoise,
  rayS,
  square,
  UnsupportedOperatorError,
} from '../../src/index.js'
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
  { zipmap = true, names = [] as readonly string[] } = {},
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
    names.length > 0 ? { classlabels_strings: strings(...names) } : { [whole]: ints(0, 1, 2) }
  builder.input('X', 'float32', ['N', 2])
  let probabilities = 'raw'
  if (classifier === 'LinearClassifier') {
    add(classifier, 'X', ['label', 'raw'], { ...attributes, ...labels('classlabels_ints') })
    add('Normalizer', 'raw', ['normalised'], { norm: string('L1') })
    probabilities = 'normalised'
  } else add(classifier, 'X', ['label', 'raw'], { ...attributes, ...labels('classlabels_int64s') })
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
      zipmap ? probability : { ...probability, type: 'float32', shape: ['N', 3] },
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

const exports: Record<string, Uint8Array> = {
  'a tree': exported('TreeEnsembleClassifier', tree),
  'a tree without dictionaries': exported('TreeEnsembleClassifier', tree, { zipmap: false }),
  'a tree of named classes': exported('TreeEnsembleClassifier', tree, { names: ['setosa', 'versicolor', 'virginica'] }),
  'a logistic regression': exported('LinearClassifier', logistic),
  'a logistic regression of named classes': exported('LinearClassifier', logistic, {
    names: ['a', 'b', 'c'],
  }),
}

test.each(Object.entries(exports))('%s is loaded, and attacked without gradients', async (name, bytes) => {
  const model = await loadModel(bytes, { domain: [0, 1] })
  expect(model).toMatchObject({
    classes: 3,
    description: { output: { name: 'output_probability' }, fidelity: 0, warnings: [] },
  })
  const probabilities = await model.predict(samples.inputs)
  for (const sample of [0, 1, 2]) {
    const row = probabilities.subarray(3 * sample, 3 * sample + 3)
    expect(row.indexOf(Math.max(...row))).toBe(samples.labels[sample])
  }
  const [noise, queries] = [randomNoise({ epsilon: 0.45 }), square({ epsilon: 0.45, queries: 300 })]
  expect((await attack(model, noise, { ...samples, seed })).fooled).toBe(3)
  expect((await attack(model, queries, { ...samples, seed })).fooled).toBe(3)
  for (const method of [rayS({ queries: 300 }), hopSkipJump({ queries: 500 })]) {
    const { samples: attacked } = await attack(model, method, { ...samples, seed })
    // From x₀ = 0.2 the nearest other class begins at 0.5, for the tree.
    if (name.includes('tree')) expect(Math.abs(attacked[0].distance![method.norm] - 0.3)).toBeLessThan(0.02)
    expect(attacked.every(({ fooled }) => fooled)).toBe(true)
  }
  await expect(attack(model, pgd({ epsilon: 0.3 }), samples)).rejects.toThrow(UnsupportedOperatorError)
  await model.close()
})

test('the output with the dictionaries may be named', async () => {
  const model = await loadModel(exports['a tree'], { domain: [0, 1], output: 'output_probability' })
  expect(model.classes).toBe(3)
  await expect(loadModel(exports['a tree'], { domain: [0, 1], output: 'output_label' })).rejects.toThrow(/int64/)
})
