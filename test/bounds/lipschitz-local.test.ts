import { afterAll, describe, expect, test } from 'vitest'
import { boundaryProjection } from '../../src/attacks/minimal-distance/boundary-projection.js'
import { pgd } from '../../src/attacks/perturbation-analysis/pgd.js'
import { attack } from '../../src/attacks/run-attack.js'
import { lipschitz } from '../../src/bounds/lipschitz/lipschitz.js'
import { bound, marginBounds } from '../../src/bounds/run-bound.js'
import { engine } from '../../src/engine/engine.js'
import type { Norm } from '../../src/geometry/norm.js'
import { encodeModel } from '../../src/graph/encode.js'
import { loadModel } from '../../src/model/load-model.js'
import { randomSource } from '../../src/sampling/random.js'
import { seed } from '../seed.js'
import { denseModel, graphOf, type Layer } from '../tiny-models.js'
import { architectures, Layers, randomModel } from './networks.js'
import { randomInputs } from './sampling.js'

afterAll(() => engine.close())

const norms = ['linf', 'l2', 'l1'] as const
const load = (...layers: readonly Layer[]) => loadModel(denseModel(...layers), { domain: [-10, 10] })

/** f_0 − f_1, of which 0 is the label, as bounded over a ball. */
async function margin(model: Awaited<ReturnType<typeof load>>, norm: Norm, values: number[], epsilon: number) {
  const [{ shape }] = model.graph.inputs
  const inputs = { data: Float32Array.from(values), shape: [1, ...(shape!.slice(1) as number[])] }
  return (await marginBounds(model, lipschitz({ norm, scope: 'local' }), { inputs, labels: [0], epsilon }))[1]
}

describe('f = (1, relu(x)) at −1: what switches on costs its chord, which is exact', () => {
  test.each(norms)('%s: certified up to 2', async (norm) => {
    const model = await load({ weights: [[1]], activation: 'Relu' }, { weights: [[0], [1]], bias: [1, 0] })
    expect(await margin(model, norm, [-1], 0.999)).toBeCloseTo(1, 4)
    expect(await margin(model, norm, [-1], 1.999)).toBeGreaterThan(0)
    expect(await margin(model, norm, [-1], 2.001)).toBeLessThan(0)
    await model.close()
  })
})

test('four such Relus, f = (2, Σ relu(x_i)): in a ball of radius 2 one of them can grow by 1, or none', async () => {
  const identity = [0, 1, 2, 3].map((row) => [0, 1, 2, 3].map((column) => Number(row === column)))
  const model = await load(
    { weights: identity, activation: 'Relu' },
    {
      weights: [
        [0, 0, 0, 0],
        [1, 1, 1, 1],
      ],
      bias: [2, 0],
    },
  )
  const found = await margin(model, 'l2', [-1, -1, -1, -1], 2)
  expect(found).toBeLessThan(1)
  expect(found).toBeGreaterThan(0.99)
  // In the box all can.
  expect(await margin(model, 'linf', [-1, -1, -1, -1], 1.25)).toBeCloseTo(1, 3)
  await model.close()
})

test('a model that reads the shape of a value, as x.view(x.size(0), -1) does, is bounded like one that does not', async () => {
  const radii: number[] = []
  for (const readsShape of [false, true]) {
    const graph = graphOf([2], (builder, input) => {
      const hidden = builder.add('Relu', [builder.add('Add', [input, builder.floats([-0.3, 0.2])])])
      return readsShape ? builder.add('Reshape', [hidden, builder.add('Shape', [input])]) : hidden
    })
    const model = await loadModel(encodeModel(graph), { domain: [0, 1] })
    const inputs = { data: Float32Array.of(0.1, 0.6), shape: [1, 2] }
    radii.push((await bound(model, lipschitz({ norm: 'l2', scope: 'local' }), { inputs })).minimum)
    await model.close()
  }
  expect(radii[0]).toBeGreaterThan(0.5)
  // One node more may round.
  expect(radii[1]).toBeCloseTo(radii[0], 5)
})

/** f = (constant, the largest of four pixels, less so many times their mean). */
function pooled(constant: number, share: number) {
  const graph = graphOf([1, 2, 2], (builder, input) => {
    const largest = builder.add('Flatten', [builder.add('MaxPool', [input], { kernel_shape: [2, 2] })])
    const mean = builder.add('ReduceMean', [builder.add('Flatten', [input]), builder.ints([1])], { keepdims: 1 })
    const rival = builder.add('Sub', [largest, builder.add('Mul', [mean, builder.scalar(share)])])
    const none = builder.add('Mul', [largest, builder.scalar(0)])
    const both = builder.add('Concat', [none, rival], { axis: 1 })
    return builder.add('Add', [both, builder.floats([constant, 0], [1, 2])])
  })
  return loadModel(encodeModel(graph), { domain: [-10, 10] })
}

test('a window of equal elements: how far the largest can get ahead of the mean is exact', async () => {
  const model = await pooled(1, 1)
  // The dual norms of eᵢ − (¼, ¼, ¼, ¼).
  for (const [norm, fall] of [
    ['linf', 1.5],
    ['l2', Math.sqrt(0.75)],
    ['l1', 0.75],
  ] as const) {
    expect(await margin(model, norm, [0, 0, 0, 0], 0.5)).toBeCloseTo(1 - 0.5 * fall, 4)
  }
  await model.close()
})

test('a window with a clear maximum is linear', async () => {
  const model = await pooled(3, 0)
  for (const [norm, epsilon] of [
    ['linf', 0.45],
    ['l2', 0.7],
    ['l1', 0.9],
  ] as const) {
    expect(await margin(model, norm, [1, 0, 0, 0], epsilon)).toBeCloseTo(2 - epsilon, 4)
  }
  await model.close()
})

test('Relus before a max pool are as good as after it', async () => {
  const margins: Float64Array[] = []
  for (const isFirst of [true, false]) {
    const random = randomSource(seed)
    const graph = graphOf([1, 8, 8], (builder, input) => {
      const layers = new Layers(builder, random)
      const convolved = layers.conv(input, 1, 4, 3, {})
      const pool = (value: string) => builder.add('MaxPool', [value], { kernel_shape: [2, 2], strides: [2, 2] })
      const value = isFirst ? pool(layers.act('Relu', convolved)) : layers.act('Relu', pool(convolved))
      return layers.dense(layers.flatten(value), 36, 3)
    })
    const model = await loadModel(encodeModel(graph), { domain: [-1, 1] })
    const inputs = randomInputs(model, 2, randomSource(seed))
    margins.push(await marginBounds(model, lipschitz({ norm: 'l2', scope: 'local' }), { inputs, epsilon: 0.05 }))
    await model.close()
  }
  margins[0].forEach((found, index) => expect(found).toBeCloseTo(margins[1][index], 5))
})

const attacked = ['Relu MLP', ...Object.keys(architectures).filter((name) => /pool/i.test(name))]

test.each(attacked)('%s: no attack finds anything inside the certified radii', async (name) => {
  const random = randomSource(seed + 3)
  const model = await randomModel(architectures[name], random)
  const inputs = randomInputs(model, 8, random)
  const found = await bound(model, lipschitz({ norm: 'l2', scope: 'local' }), { inputs })
  const radii = Float64Array.from(found.samples, ({ radius }) => radius)
  const labels = found.samples.map(({ label }) => label)
  const epsilon = radii.map((radius) => Math.max(radius, 1e-6))
  for (const method of [pgd({ norm: 'l2', epsilon, steps: 20 }), boundaryProjection({ norm: 'l2' })]) {
    const result = await attack(model, method, { inputs, labels, seed })
    result.samples.forEach(({ fooled, distance }, sample) => {
      if (fooled && radii[sample] > 0) expect(distance!.l2).toBeGreaterThan(radii[sample])
    })
  }
  await model.close()
})
