import { afterAll, expect, test } from 'vitest'
import { perturbationSequence } from '../../src/attacks/line-search/perturbation-sequence.js'
import { engine } from '../../src/engine/engine.js'
import { SampleError, SettingsError } from '../../src/errors.js'
import { distance } from '../../src/geometry/norm.js'
import { loadModel } from '../../src/model/load-model.js'
import { randomSource } from '../../src/sampling/random.js'
import { rowOf } from '../../src/sampling/rows.js'
import { seed } from '../seed.js'
import { denseModel } from '../tiny-models.js'
import { linearCase } from './linear-case.js'

afterAll(() => engine.close())

test('the images zigzag across the boundary: labels alternate, all perturbations but the first are tiny', async () => {
  const { model, inputs, labels, distances } = await linearCase(randomSource(seed), { classes: 2 })
  const { sequences, interrupted } = await perturbationSequence(model, { inputs, length: 3 })
  expect(interrupted).toBe(false)
  expect(sequences).toHaveLength(labels.length)
  for (const [sample, sequence] of sequences.entries()) {
    expect(sequence.labels).toEqual([labels[sample], 1 - labels[sample], labels[sample], 1 - labels[sample]])
    expect(sequence.images[0]).toEqual(rowOf(inputs.data, 6, sample))
    expect(sequence.distances[0].linf / distances('linf')[sample]).toBeCloseTo(1, 3)
    sequence.distances.forEach((size, index) => {
      expect(size).toEqual(distance(sequence.images[index], sequence.images[index + 1]))
      if (index > 0) expect(size.linf).toBeLessThan(1e-3 * sequence.distances[0].linf)
    })
    for (const [index, image] of sequence.images.entries()) {
      const logits = await model.predict({ data: image, shape: [1, 6] })
      expect(logits.indexOf(Math.max(...logits))).toBe(sequence.labels[index])
    }
  }
  await model.close()
})

test('a sequence ends where no perturbation is found, the others go on', async () => {
  // The second sample is at the corner that all of class 0 can reach.
  const bytes = denseModel({
    weights: [
      [2, 0],
      [0, 0],
    ],
    bias: [-1, 0],
  })
  const model = await loadModel(bytes, { domain: { lower: [0, 0], upper: [1, 1] } })
  const stuck = denseModel({
    weights: [
      [0, 0],
      [0, 0],
    ],
    bias: [1, 0],
  })
  const constant = await loadModel(stuck, { domain: [0, 1] })
  const inputs = { data: Float32Array.of(0.8, 0.5, 0.3, 0.5), shape: [2, 2] }
  const moving = await perturbationSequence(model, { inputs, length: 2 })
  expect(moving.sequences.map(({ images }) => images.length)).toEqual([3, 3])
  const still = await perturbationSequence(constant, { inputs, length: 2 })
  expect(still).toMatchObject({
    interrupted: false,
    sequences: [
      { labels: [0], distances: [] },
      { labels: [0], distances: [] },
    ],
  })
  await model.close()
  await constant.close()
})

test('ends with what it has when the time is up, and refuses what makes no sense', async () => {
  const { model, inputs, labels } = await linearCase(randomSource(seed), { classes: 2 })
  const { sequences, interrupted } = await perturbationSequence(model, { inputs, budget: 0 })
  expect(interrupted).toBe(true)
  expect(sequences.map((sequence) => sequence.labels)).toEqual(labels.map((label) => [label]))
  await expect(perturbationSequence(model, { inputs, length: 0 })).rejects.toThrow(SettingsError)
  const wrong = { data: new Float32Array(4), shape: [2, 2] }
  await expect(perturbationSequence(model, { inputs: wrong })).rejects.toThrow(SampleError)
  await model.close()
})
