import { afterAll, expect, test } from 'vitest'
import { crown, intervalPropagation } from '../../src/bounds/crown.js'
import { marginBounds } from '../../src/bounds/run-bound.js'
import { engine } from '../../src/engine/engine.js'
import { float, type GraphBuilder } from '../../src/graph/builder.js'
import { encodeModel } from '../../src/graph/encode.js'
import { type Attribute, nodeLabel } from '../../src/graph/graph.js'
import { loadModel } from '../../src/model/load-model.js'
import { graphOf } from '../tiny-models.js'

afterAll(() => engine.close())

type Build = (builder: GraphBuilder, input: string) => string

const margins = async (build: Build, epsilon: number, make = crown) => {
  const model = await loadModel(encodeModel(graphOf([2], build)), { domain: [-10, 10] })
  try {
    const inputs = { data: Float32Array.of(1, 2), shape: [1, 2] }
    return await marginBounds(model, make({ norm: 'linf' }), { inputs, labels: [1], epsilon })
  } finally {
    await model.close()
  }
}

test.for<[string, string, Build]>([
  ['an alpha above 1', 'Elu', (builder, input) => builder.add('Elu', [input], { alpha: float(1.5) })],
  ['a negative alpha', 'Elu', (builder, input) => builder.add('Elu', [input], { alpha: float(-0.5) })],
  ['a ramp that falls', 'HardSigmoid', (builder, input) => builder.add('HardSigmoid', [input], { alpha: float(-0.2) })],
  ['exponents that differ', 'Pow', (builder, input) => builder.add('Pow', [input, builder.floats([2, 3])])],
  [
    'a condition that depends on the input',
    'Greater',
    (builder, input) => {
      const condition = builder.add('Greater', [input, builder.scalar(0)])
      return builder.add('Where', [condition, input, builder.add('Neg', [input])])
    },
  ],
  ['a constant base', 'Pow', (builder, input) => builder.add('Pow', [builder.scalar(2), input])],
  [
    'an exponent that itself has bounds',
    'Pow',
    (builder, input) => builder.add('Pow', [builder.scalar(2), builder.add('Relu', [input])]),
  ],
  [
    'an operator without rules behind one that has lines',
    'Atan',
    (builder, input) => builder.add('Atan', [builder.add('LeakyRelu', [input])]),
  ],
  ['inputs that are the same', 'Max', (builder, input) => builder.add('Max', [input, input])],
  ['a jump', 'ThresholdedRelu', (builder, input) => builder.add('ThresholdedRelu', [input])],
])('refuses bounds for %s', async ([, operator, build]) => {
  await expect(margins(build, 0.1)).rejects.toMatchObject({ code: 'UNSUPPORTED_OPERATOR', operator })
})

// The ranges are [1 − ε, 1 + ε] and [2 − ε, 2 + ε].
test.for<[string, Build]>([
  ['Log', (builder, input) => builder.add('Log', [input])],
  ['Sqrt', (builder, input) => builder.add('Sqrt', [input])],
  ['a power that is not whole', (builder, input) => builder.add('Pow', [input, builder.scalar(2.5)])],
  ['a root', (builder, input) => builder.add('Pow', [input, builder.scalar(0.4)])],
  ['a divisor', (builder, input) => builder.add('Div', [builder.scalar(-1), input])],
])('%s has finite bounds inside of its domain, and certifies nothing beyond', async ([, build]) => {
  // A rotation lets no single element stand for a logit.
  const mixed: Build = (builder, input) =>
    builder.add('MatMul', [build(builder, input), builder.floats([1, 0.5, -0.5, 1], [2, 2])])
  for (const make of [crown, intervalPropagation]) {
    const [inside] = await margins(mixed, 0.9, make)
    expect(inside).toBeGreaterThan(Number.NEGATIVE_INFINITY)
    const [beyond] = await margins(mixed, 1.1, make)
    expect(beyond).toBe(Number.NEGATIVE_INFINITY)
  }
})

test.for(['linf', 'l2', 'l1'] as const)('refuses a value with the batch on another axis in %s', async (norm) => {
  const graph = graphOf([1, 2], (builder, input) => {
    const first = builder.add('Transpose', [input], { perm: [1, 0, 2] })
    const weights = [builder.floats([1, 1], [1, 1, 2]), builder.floats([1], [1, 1, 1])]
    const attributes = new Map<string, Attribute>([
      ['hidden_size', { kind: 'int', value: 1 }],
      ['clip', float(3)],
    ])
    const inputs = [first, ...weights]
    builder.node({ operator: 'RNN', name: '', domain: '', inputs, outputs: ['', 'state'], attributes })
    const last = builder.add('Transpose', ['state'], { perm: [1, 0, 2] })
    return builder.add('MatMul', [builder.add('Flatten', [last]), builder.floats([1, -1], [1, 2])])
  })
  const model = await loadModel(encodeModel(graph), { domain: [-10, 10] })
  const inputs = { data: Float32Array.of(1, 2), shape: [1, 1, 2] }
  const bounding = marginBounds(model, crown({ norm }), { inputs, labels: [1], epsilon: 0.1 })
  await expect(bounding).rejects.toMatchObject({ code: 'UNSUPPORTED_OPERATOR' })
  await expect(model.inputGradient(inputs, [1], 'margin')).rejects.toMatchObject({ code: 'UNSUPPORTED_OPERATOR' })
  expect(nodeLabel(model.graph.nodes.find(({ operator }) => operator === 'RNN')!)).toBe('that makes "state"')
  await model.close()
})
