import { afterAll, describe, expect, test } from 'vitest'
import { crown, intervalPropagation } from '../../src/bounds/crown.js'
import { marginBounds } from '../../src/bounds/run-bound.js'
import { engine } from '../../src/engine/engine.js'
import { float, type GraphBuilder } from '../../src/graph/builder.js'
import { encodeModel } from '../../src/graph/encode.js'
import type { Classifier } from '../../src/model/classifier.js'
import { loadModel } from '../../src/model/load-model.js'
import { type RandomSource, randomSource } from '../../src/sampling/random.js'
import { seed } from '../seed.js'
import { graphOf } from '../tiny-models.js'

afterAll(() => engine.close())

interface Case {
  readonly features: number
  /** Adds the operator over parts of the input; the output is flattened. */
  build(builder: GraphBuilder, part: (from: number, to: number, shape?: readonly number[]) => string): string
  readonly outputs: number
  /** The features from this one on keep away from 0. */
  readonly nonzeroFrom?: number
  /** Each output is least and greatest at a corner of the box, or where features are 0, so that interval bounds can be exact. */
  readonly exact?: boolean
}

const lrn = (beta: number): Case => ({
  features: 4,
  outputs: 4,
  build: (builder, part) => {
    const attributes = { size: 3, alpha: float(2), beta: float(beta), bias: float(0.7) }
    return builder.add('LRN', [part(0, 4, [4, 1, 1])], attributes)
  },
})

const lpPool = (attributes: Record<string, number | readonly number[]>, outputs: number): Case => ({
  features: 6,
  outputs,
  exact: true,
  build: (builder, part) => builder.add('LpPool', [part(0, 6, [1, 2, 3])], attributes),
})

const cases: Record<string, Case> = {
  Mul: { features: 2, outputs: 1, exact: true, build: (builder, part) => builder.add('Mul', [part(0, 1), part(1, 2)]) },
  'Mul that broadcasts': {
    features: 4,
    outputs: 3,
    exact: true,
    build: (builder, part) => builder.add('Mul', [part(0, 1), part(1, 4)]),
  },
  'Mul by itself': {
    features: 1,
    outputs: 1,
    exact: true,
    build(builder, part) {
      const value = part(0, 1)
      return builder.add('Mul', [value, value])
    },
  },
  Div: {
    features: 2,
    outputs: 1,
    exact: true,
    nonzeroFrom: 1,
    build: (builder, part) => builder.add('Div', [part(0, 1), part(1, 2)]),
  },
  'Div that broadcasts': {
    features: 4,
    outputs: 3,
    exact: true,
    nonzeroFrom: 3,
    build: (builder, part) => builder.add('Div', [part(0, 3), part(3, 4)]),
  },
  'Div of a constant': {
    features: 2,
    outputs: 2,
    exact: true,
    nonzeroFrom: 0,
    build: (builder, part) => builder.add('Div', [builder.floats([3, -2]), part(0, 2)]),
  },
  MatMul: {
    features: 6,
    outputs: 2,
    build: (builder, part) => builder.add('MatMul', [part(0, 4, [2, 2]), part(4, 6, [2, 1])]),
  },
  'MatMul that broadcasts': {
    features: 6,
    outputs: 2,
    build: (builder, part) => builder.add('MatMul', [part(0, 4, [2, 1, 2]), part(4, 6, [1, 2, 1])]),
  },
  'Max of three and a constant': {
    features: 4,
    outputs: 2,
    exact: true,
    build: (builder, part) => builder.add('Max', [builder.floats([0.2, -3]), part(0, 2), part(2, 3), part(2, 4)]),
  },
  'Min of two': {
    features: 4,
    outputs: 2,
    exact: true,
    build: (builder, part) => builder.add('Min', [part(0, 2), part(2, 4)]),
  },
  Softmax: {
    features: 4,
    outputs: 4,
    exact: true,
    build: (builder, part) => builder.add('Softmax', [part(0, 4)], { axis: 1 }),
  },
  'Softmax of rows': {
    features: 6,
    outputs: 6,
    exact: true,
    build: (builder, part) => builder.add('Softmax', [part(0, 6, [2, 3])]),
  },
  LogSoftmax: {
    features: 4,
    outputs: 4,
    exact: true,
    build: (builder, part) => builder.add('LogSoftmax', [part(0, 4)], { axis: 1 }),
  },
  LRN: lrn(0.75),
  'LRN with a root': lrn(0.5),
  'LRN of a large exponent': lrn(2),
  'LpPool of tiles': lpPool({ kernel_shape: [2, 3], strides: [2, 3] }, 1),
  'LpPool, overlapping': lpPool({ kernel_shape: [2, 2], strides: [1, 1] }, 2),
  'LpPool, padded': lpPool({ kernel_shape: [2, 2], strides: [1, 2], pads: [1, 0, 0, 1] }, 4),
  'LpPool of order 1': lpPool({ kernel_shape: [2, 2], strides: [1, 1], p: 1 }, 2),
  'LpPool of order 3': lpPool({ kernel_shape: [2, 2], strides: [1, 1], p: 3 }, 2),
  Where: {
    features: 4,
    outputs: 3,
    exact: true,
    build(builder, part) {
      const condition = builder.constant({ type: 'bool', shape: [3], data: Uint8Array.of(1, 0, 1) })
      return builder.add('Where', [condition, part(0, 1), part(1, 4)])
    },
  },
}

const boxes = 40
const insidePerBox = 100

/** Logits Σ weight·y + Σ tilt·x and 0. */
async function tilted(subject: Case, weights: readonly number[], tilts: readonly number[]): Promise<Classifier> {
  const graph = graphOf([subject.features], (builder, input) => {
    const part = (from: number, to: number, shape?: readonly number[]) => {
      const slice = builder.add('Slice', [input, builder.ints([from]), builder.ints([to]), builder.ints([1])])
      return shape ? builder.add('Reshape', [slice, builder.ints([0, ...shape])]) : slice
    }
    const value = builder.add('Flatten', [subject.build(builder, part)])
    const column = (numbers: readonly number[]) =>
      builder.floats(
        numbers.flatMap((number) => [number, 0]),
        [numbers.length, 2],
      )
    return builder.add('Add', [
      builder.add('MatMul', [value, column(weights)]),
      builder.add('MatMul', [input, column(tilts)]),
    ])
  })
  return loadModel(encodeModel({ ...graph, opset: 20 }), { domain: [-1e6, 1e6] })
}

function randomBoxes({ features, nonzeroFrom = features }: Case, random: RandomSource) {
  const epsilon = Float64Array.from({ length: boxes }, (_, box) =>
    box % 10 === 0 ? 0 : 10 ** (4 * random.uniform() - 3),
  )
  const centres = Float32Array.from({ length: boxes * features }, (_, index) => {
    const drawn = 2 * random.normal()
    if (index % features < nonzeroFrom) return drawn
    return Math.sign(drawn) * (1.1 * epsilon[Math.floor(index / features)] + Math.abs(drawn) + 0.3)
  })
  return { centres, epsilon }
}

/** Points with every feature at an end of its range or as near to 0 as can be, and points inside. */
function pointsOf(centre: Float32Array, epsilon: number, random: RandomSource): Float32Array {
  const { length } = centre
  // A hair less than the radius, which is as good and survives rounding to float32.
  const reach = epsilon * (1 - 1e-6)
  const corners = 3 ** length
  const inside = (index: number) => {
    const x = centre[index % length]
    return x + reach * (2 * random.uniform() - 1)
  }
  return Float32Array.from({ length: (corners + insidePerBox) * length }, (_, index) => {
    const point = Math.floor(index / length)
    if (point >= corners) return inside(index)
    const x = centre[index % length]
    const choice = Math.floor(point / 3 ** (index % length)) % 3
    return choice === 2 ? Math.min(Math.max(0, x - reach), x + reach) : x + (choice === 0 ? -reach : reach)
  })
}

/** The smallest and the largest first logit in each box. */
async function extremes(model: Classifier, centres: Float32Array, epsilon: Float64Array, random: RandomSource) {
  const features = centres.length / boxes
  const points = Array.from(epsilon, (radius, box) =>
    pointsOf(centres.subarray(box * features, (box + 1) * features), radius, random),
  )
  const width = points[0].length
  const data = new Float32Array(boxes * width)
  points.forEach((values, box) => {
    data.set(values, box * width)
  })
  const logits = await model.predict({ data, shape: [data.length / features, features] })
  const first = logits.filter((_, index) => index % 2 === 0)
  const count = first.length / boxes
  return points.map((_, box) => {
    const values = first.subarray(box * count, (box + 1) * count)
    return { least: Math.min(...values), most: Math.max(...values) }
  })
}

describe.each(Object.entries(cases))('%s', (_name, subject) => {
  const { features, outputs } = subject

  test('the planes hold at all corners and inside of random boxes', async () => {
    const random = randomSource(seed)
    const { centres, epsilon } = randomBoxes(subject, random)
    const request = { inputs: { data: centres, shape: [boxes, features] }, labels: new Int32Array(boxes), epsilon }
    for (let trial = 0; trial < 4; trial++) {
      const weights = Array.from({ length: outputs }, () => random.normal())
      const tilts = Array.from({ length: features }, () => (trial === 0 ? 0 : random.normal()))
      const model = await tilted(subject, weights, tilts)
      const margins = await marginBounds(model, crown({ norm: 'linf' }), request)
      const found = await extremes(model, centres, epsilon, random)
      found.forEach(({ least }, box) => {
        expect(margins[2 * box + 1]).toBeLessThanOrEqual(least)
        // Of one point nothing is lost but rounding.
        const size = centres.subarray(box * features, (box + 1) * features).reduce((sum, x) => sum + Math.abs(x), 1)
        if (epsilon[box] === 0)
          expect(margins[2 * box + 1]).toBeGreaterThan(least - 3e-4 * (size ** 2 + Math.abs(least)))
      })
      await model.close()
    }
  })

  test('interval bounds hold, and where they can be exact they are', async () => {
    const random = randomSource(seed + 1)
    const { centres, epsilon } = randomBoxes(subject, random)
    const request = { inputs: { data: centres, shape: [boxes, features] }, labels: new Int32Array(boxes), epsilon }
    for (let trial = 0; trial < Math.min(2 * outputs, 4); trial++) {
      const weights = Array.from({ length: outputs }, (_, index) => (index === trial >> 1 ? 1 - 2 * (trial % 2) : 0))
      const model = await tilted(subject, weights, new Array<number>(features).fill(0))
      const margins = await marginBounds(model, intervalPropagation({ norm: 'linf' }), request)
      const found = await extremes(model, centres, epsilon, random)
      found.forEach(({ least, most }, box) => {
        expect(margins[2 * box + 1]).toBeLessThanOrEqual(least)
        if (!subject.exact) return
        expect(margins[2 * box + 1]).toBeGreaterThan(least - 1e-3 * (most - least) - 1e-4 * (1 + Math.abs(least)))
      })
      await model.close()
    }
  })
})
