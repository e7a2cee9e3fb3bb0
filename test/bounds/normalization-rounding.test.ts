import { afterAll, describe, expect, test } from 'vitest'
import { crown, intervalPropagation } from '../../src/bounds/crown.js'
import { marginBounds } from '../../src/bounds/run-bound.js'
import { engine } from '../../src/engine/engine.js'
import type { GraphBuilder } from '../../src/graph/builder.js'
import { encodeModel } from '../../src/graph/encode.js'
import { loadModel } from '../../src/model/load-model.js'
import { randomSource } from '../../src/sampling/random.js'
import { seed } from '../seed.js'
import { graphOf } from '../tiny-models.js'
import { randomInputs } from './sampling.js'

afterAll(() => engine.close())

const features = 4
const offset = 200

const ones = (builder: GraphBuilder) => builder.floats(new Float32Array(features).fill(1))
const zeros = (builder: GraphBuilder) => builder.floats(new Float32Array(features))

const normalizations: Record<string, (builder: GraphBuilder, value: string) => string> = {
  LayerNormalization: (builder, value) => builder.add('LayerNormalization', [value, ones(builder), zeros(builder)]),
  // onnxruntime makes the same kernel of it.
  'LayerNormalization spelt out': (builder, value) => {
    const axes = builder.ints([-1])
    const centred = builder.add('Sub', [value, builder.add('ReduceMean', [value, axes])])
    const variance = builder.add('ReduceMean', [builder.add('Pow', [centred, builder.scalar(2)]), axes])
    const deviation = builder.add('Sqrt', [builder.add('Add', [variance, builder.scalar(1e-5)])])
    const scaled = builder.add('Mul', [builder.add('Div', [centred, deviation]), ones(builder)])
    return builder.add('Add', [scaled, zeros(builder)])
  },
  InstanceNormalization: (builder, value) => {
    const image = builder.add('Reshape', [value, builder.ints([0, 1, features])])
    const normal = builder.add('InstanceNormalization', [image, builder.floats([1]), builder.floats([0])])
    return builder.add('Reshape', [normal, builder.ints([0, features])])
  },
}

describe.each(Object.entries(normalizations))('%s of numbers far from 0', (_, normalize) => {
  const body = (builder: GraphBuilder, input: string) => {
    const normal = normalize(builder, builder.add('Add', [input, builder.scalar(offset)]))
    return builder.add('MatMul', [normal, builder.floats([1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, -2], [features, 3])])
  }
  const load = () => loadModel(encodeModel(graphOf([features], body)), { domain: [0, 1] })

  test('is computed without the cancellation of E(x²) − E(x)²', async () => {
    const model = await load()
    const inputs = randomInputs(model, 50, randomSource(seed))
    const logits = await model.predict(inputs)
    for (let sample = 0; sample < 50; sample++) {
      const row = Array.from(inputs.data.subarray(sample * features, (sample + 1) * features), (value) =>
        Math.fround(value + offset),
      )
      const mean = row.reduce((sum, value) => sum + value, 0) / features
      const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / features
      const deviation = Math.sqrt(variance + 1e-5)
      // Of that formula the variance would be off by about offset²·2⁻²⁴, which is 0.002.
      const allowed = (16 * 2 ** -24 * offset) / deviation
      expect(Math.abs(logits[sample * 3] - (row[0] + row[3] - 2 * mean) / deviation)).toBeLessThan(4 * allowed)
    }
    await model.close()
  })

  test('has bounds that are wrong only when they ignore rounding', async () => {
    const model = await load()
    const inputs = randomInputs(model, 40, randomSource(seed))
    const logits = await model.predict(inputs)
    const labels = new Int32Array(40)
    for (const make of [crown, intervalPropagation]) {
      const wrong = async (rounding: 'covered' | 'ignored') => {
        const margins = await marginBounds(model, make({ norm: 'linf', rounding }), { inputs, labels, epsilon: 0 })
        return margins.filter((margin, index) => margin > logits[index - (index % 3)] - logits[index]).length
      }
      expect(await wrong('covered')).toBe(0)
      expect(await wrong('ignored')).toBeGreaterThan(0)
    }
    await model.close()
  })
})

test('GroupNormalization, which cancels, has no bounds', async () => {
  const body = (builder: GraphBuilder, input: string) => {
    const image = builder.add('Reshape', [input, builder.ints([0, 2, 2])])
    const scale = [builder.floats([1, 1]), builder.floats([0, 0])]
    const normal = builder.add('GroupNormalization', [image, ...scale], { num_groups: 2 })
    return builder.add('Reshape', [normal, builder.ints([0, 4])])
  }
  const model = await loadModel(encodeModel(graphOf([4], body)), { domain: [0, 1] })
  const inputs = randomInputs(model, 1, randomSource(seed))
  const refusal = marginBounds(model, crown({ norm: 'linf' }), { inputs, epsilon: 0.1 })
  await expect(refusal).rejects.toMatchObject({ code: 'UNSUPPORTED_OPERATOR', operator: 'GroupNormalization' })
  await model.close()
})
