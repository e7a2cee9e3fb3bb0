import { afterAll, describe, expect, test } from 'vitest'
import { engine } from '../../src/engine/engine.js'
import { UnsupportedOperatorError } from '../../src/errors.js'
import type { GraphBuilder } from '../../src/graph/builder.js'
import { encodeModel } from '../../src/graph/encode.js'
import { loadModel } from '../../src/model/load-model.js'
import { LinearRegions } from '../../src/regions/linear-regions.js'
import { type RandomSource, randomSource } from '../../src/sampling/random.js'
import { range } from '../../src/sampling/rows.js'
import { seed } from '../seed.js'
import { denseModel, graphOf } from '../tiny-models.js'

afterAll(() => engine.close())

const shape = [2, 6, 6]
const size = 72

/** Convolution, LeakyReLU, max pooling, a residual connection, average pooling, and a dense layer. */
function convolutional(random: RandomSource): Uint8Array {
  const weights =
    (...sizes: number[]) =>
    (builder: GraphBuilder) => {
      const count = sizes.reduce((product, each) => product * each, 1)
      return builder.floats(
        range(count).map(() => random.normal() / 3),
        sizes,
      )
    }
  return encodeModel(
    graphOf(shape, (builder, input) => {
      const first = builder.add('Conv', [input, weights(3, 2, 3, 3)(builder)], { pads: [1, 1, 1, 1] })
      const leaky = builder.add('LeakyRelu', [first])
      const pooled = builder.add('MaxPool', [leaky], { kernel_shape: [2, 2], strides: [2, 2] })
      const second = builder.add('Relu', [
        builder.add('Conv', [pooled, weights(3, 3, 3, 3)(builder)], { pads: [1, 1, 1, 1] }),
      ])
      const sum = builder.add('Add', [pooled, second])
      const mean = builder.add('AveragePool', [sum], { kernel_shape: [3, 3] })
      return builder.add('MatMul', [builder.add('Flatten', [mean]), weights(3, 4)(builder)])
    }),
  )
}

async function regionsOf(bytes: Uint8Array) {
  const model = await loadModel(bytes, { domain: [-9, 9] })
  return { model, regions: new LinearRegions(model) }
}

describe('the affine map of a region', () => {
  test('rows and images are the same map, and the model is that map within the region', async () => {
    const random = randomSource(seed)
    const { model, regions } = await regionsOf(convolutional(random))
    let within = 0
    for (const _ of range(3)) {
      const point = Float32Array.from({ length: size }, () => random.normal())
      const tangent = Float32Array.from({ length: size }, () => 1e-4 * random.normal())
      const moved = point.map((value, feature) => value + tangent[feature])
      const faces = range(4).map((label) => ({ plus: regions.logits + label, minus: regions.logits }))
      const inner = range(5).map((entry) => ({ plus: entry, minus: -1 }))
      const [entries, after, images, rows] = await regions.answer([
        { about: 'values', point },
        { about: 'values', point: moved },
        { about: 'images', point, tangent },
        { about: 'rows', point, faces: [...faces, ...inner] },
      ])
      const along = (row: number) => tangent.reduce((sum, step, feature) => sum + step * rows[row * size + feature], 0)
      faces.forEach(({ plus, minus }, row) => expect(along(row)).toBeCloseTo(images[plus] - images[minus], 6))
      inner.forEach(({ plus }, row) => expect(along(faces.length + row)).toBeCloseTo(images[plus], 6))
      if (regions.key(entries) === regions.key(after)) {
        within++
        entries.forEach((entry, index) => expect(entry + images[index]).toBeCloseTo(after[index], 4))
      }
      const logits = await model.predict({ data: point, shape: [1, ...shape] })
      expect(Array.from(entries.subarray(regions.logits))).toEqual(
        Array.from(logits, (logit) => expect.closeTo(logit, 4)),
      )
    }
    expect(within).toBeGreaterThan(0)
    await model.close()
  })

  test('its faces hold at the point, and another region violates one of them', async () => {
    const random = randomSource(seed)
    const { model, regions } = await regionsOf(convolutional(random))
    const points = range(6).map(() => Float32Array.from({ length: size }, () => random.normal()))
    const entries = await regions.answer(points.map((point) => ({ about: 'values', point })))
    const holds = (of: Float32Array, at: Float32Array) =>
      regions.faces(of).every(({ plus, minus }) => (plus < 0 ? 0 : at[plus]) >= (minus < 0 ? 0 : at[minus]))
    for (const [index, of] of entries.entries()) {
      // One per LeakyReLU (36 · 3, before the pool), three per window (9 · 3), one per ReLU.
      expect(regions.faces(of)).toHaveLength(108 + 81 + 27)
      entries.forEach((at, other) => {
        expect(holds(of, at)).toBe(index === other)
        expect(regions.key(of) === regions.key(at)).toBe(index === other)
      })
    }
    await model.close()
  })

  test('hand-derived: y = relu(2x − 1), logits (y, 0.5)', async () => {
    const { model, regions } = await regionsOf(
      denseModel({ weights: [[2]], bias: [-1], activation: 'Relu' }, { weights: [[1], [0]], bias: [0, 0.5] }),
    )
    const [off, on] = [Float32Array.of(0.25), Float32Array.of(1)]
    const lead = { plus: regions.logits, minus: regions.logits + 1 }
    const [below, above, flat, steep] = await regions.answer([
      { about: 'values', point: off },
      { about: 'values', point: on },
      { about: 'rows', point: off, faces: [lead] },
      { about: 'rows', point: on, faces: [lead, { plus: -1, minus: 0 }] },
    ])
    expect(Array.from(below)).toEqual([-0.5, 0, 0.5])
    expect(Array.from(above)).toEqual([1, 1, 0.5])
    expect(Array.from(flat)).toEqual([0])
    expect(Array.from(steep)).toEqual([2, -2])
    expect(regions.faces(below)).toEqual([{ plus: -1, minus: 0 }])
    expect(regions.faces(above)).toEqual([{ plus: 0, minus: -1 }])
    await model.close()
  })
})

test('an operator that is not piecewise affine is refused by name', async () => {
  const model = await loadModel(denseModel({ weights: [[1], [-1]], activation: 'Tanh' }), { domain: [0, 1] })
  expect(() => new LinearRegions(model)).toThrow(UnsupportedOperatorError)
  expect(() => new LinearRegions(model)).toThrow(/Tanh/)
  await model.close()
})
