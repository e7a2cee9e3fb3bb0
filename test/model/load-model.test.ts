import { mkdtempSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { fixtureNames, loadFixture } from '../../fixtures/index.js'
import { crown } from '../../src/bounds/crown.js'
import { bound } from '../../src/bounds/run-bound.js'
import { ModelError, SampleError, SettingsError } from '../../src/errors.js'
import type { GraphBuilder } from '../../src/graph/builder.js'
import { encodeModel } from '../../src/graph/encode.js'
import {
  type ModelProto,
  ModelProtoSchema,
  StringStringEntryProtoSchema,
  TensorProto_DataLocation,
} from '../../src/graph/onnx/onnx_pb.js'
import { loadModel } from '../../src/model/load-model.js'
import { loadRegressor } from '../../src/model/load-regressor.js'
import { denseModel, graphOf, operatorModel } from '../tiny-models.js'

const domain = [0, 1] as const
const two = denseModel({
  weights: [
    [1, 2],
    [3, 4],
  ],
  bias: [0.5, 0],
})
const point = { data: Float32Array.of(0.25, 1), shape: [1, 2] }

/** The same model with its protobuf message changed. */
function edited(bytes: Uint8Array, edit: (model: ModelProto) => void): Uint8Array {
  const model = fromBinary(ModelProtoSchema, bytes)
  edit(model)
  return toBinary(ModelProtoSchema, model)
}

describe('a plain classifier', () => {
  test('predicts and describes itself', async () => {
    const model = await loadModel(two, { domain, name: 'two' })
    expect(Array.from(await model.predict(point))).toEqual([2.75, 4.75])
    expect(model.description).toMatchObject({
      name: 'two',
      input: { name: 'input', featureShape: [2] },
      output: { name: 'logits', classes: 2 },
      operators: { Gemm: 1 },
      parameters: 6,
      device: 'cpu',
      batching: 'dynamic',
      fidelity: 0,
      warnings: [],
    })
    await model.close()
  })

  test('gives the gradient of the summed loss', async () => {
    const model = await loadModel(two, { domain })
    const inputs = { data: Float32Array.of(0.25, 1, 0, 0), shape: [2, 2] }
    expect(Array.from(await model.inputGradient(inputs, [0, 1], 'margin'))).toEqual([-2, -2, 2, 2])
    const gradient = await model.inputGradient(inputs, [0, 1], 'cross-entropy')
    const wrong = 1 / (1 + Math.exp(-2))
    const other = 1 / (1 + Math.exp(0.5 - 0))
    expect(gradient[0]).toBeCloseTo(2 * wrong, 5)
    expect(gradient[3]).toBeCloseTo(-2 * (1 - other), 5)
    await model.close()
  })

  test('refuses inputs and labels that no verdict could rest on', async () => {
    const model = await loadModel(two, { domain })
    await expect(model.predict({ data: Float32Array.of(Number.NaN, 0), shape: [1, 2] })).rejects.toThrow(SampleError)
    await expect(model.predict({ data: Float32Array.of(0, 1.5), shape: [1, 2] })).rejects.toThrow(
      'Sample 0, feature 1 is 1.5, outside the domain [0, 1]',
    )
    await expect(model.predict({ data: Float32Array.of(0, 1), shape: [2] })).rejects.toThrow(
      'Inputs have shape [2]; the model takes [n, 2]',
    )
    await expect(model.predict({ data: Float32Array.of(0, 1), shape: [1, 2, 1] })).rejects.toThrow(
      'If the numbers are in this order, give them this shape (of loadSamples: { featureShape: [2] }).',
    )
    await expect(model.predict({ data: Float32Array.of(0, 1, 0), shape: [1, 2] })).rejects.toThrow('need 2 numbers')
    await expect(model.inputGradient(point, [2], 'margin')).rejects.toThrow('Label 2 of sample 0 is no class')
    await expect(model.inputGradient(point, [0, 1], 'margin')).rejects.toThrow('2 labels for 1 inputs')
    await model.close()
  })

  test('works again after close, with a fresh session', async () => {
    const model = await loadModel(two, { domain })
    await model.close()
    expect(Array.from(await model.predict(point))).toEqual([2.75, 4.75])
    await model.close()
  })
})

const imageModel = encodeModel(
  graphOf([3, 4, 4], (builder, input) => builder.add('Flatten', [builder.add('GlobalMaxPool', [input])])),
)

describe('domain and preprocessing', () => {
  // Within [0, 1] that is no number.
  const shifted = encodeModel(
    graphOf([2], (builder, input) => builder.add('Log', [builder.add('Sub', [input, builder.scalar(50)])])),
  )

  test('the file is compared with what was read of it within the domain, after preprocessing', async () => {
    const model = await loadModel(shifted, { domain: [51, 255] })
    expect(model.description.fidelity).toBeLessThan(1e-6)
    const scaled = await loadModel(shifted, { domain: [0, 1], preprocessing: { mean: [-2, -1], std: 0.01 } })
    expect(scaled.description.fidelity).toBeLessThan(1e-6)
    await expect(loadModel(shifted, { domain: [0, 1] })).rejects.toThrow('not finite')
  })

  test('where the file overflows in the domain, it is compared in [0, 1]', async () => {
    const model = await loadModel(operatorModel([2], 'Exp'), { domain: [-1e6, 1e6] })
    expect(model.description.fidelity).toBeLessThan(1e-6)
  })

  test('the domain may differ by feature', async () => {
    const model = await loadModel(two, { domain: { lower: [0, -5], upper: [1, 5] } })
    await expect(model.predict({ data: Float32Array.of(0, -4), shape: [1, 2] })).resolves.toHaveLength(2)
    await expect(model.predict({ data: Float32Array.of(0, -6), shape: [1, 2] })).rejects.toThrow(
      'outside the domain [-5, 5]',
    )
  })

  test.each([
    ['reversed', [1, 0] as const],
    ['not finite', [0, Number.POSITIVE_INFINITY] as const],
    ['of the wrong length', { lower: [0, 0, 0], upper: 1 }],
    ['text', ['0', '1'] as never],
    ['half of one', { lower: 0 } as never],
    ['not there', undefined as never],
  ])('a domain that is %s is refused', async (_, wrong) => {
    await expect(loadModel(two, { domain: wrong })).rejects.toThrow(SettingsError)
  })

  test('normalisation is part of the model: gradients are in input units', async () => {
    const model = await loadModel(two, { domain, preprocessing: { mean: 0.5, std: [0.5, 0.25] } })
    expect(Array.from(await model.predict(point))).toEqual([1 * -0.5 + 2 * 2 + 0.5, 3 * -0.5 + 4 * 2])
    expect(Array.from(await model.inputGradient(point, [0], 'margin'))).toEqual([(1 - 3) / 0.5, (2 - 4) / 0.25])
    await expect(loadModel(two, { domain, preprocessing: { mean: [1, 2, 3] } })).rejects.toThrow(
      'has 3 values, but axis 1 of the input has size 2',
    )
    await expect(loadModel(two, { domain, preprocessing: { std: [1, 0] } })).rejects.toThrow(
      'must be above 0; it is 1, 0',
    )
  })
})

test('channels in another place are told from numbers in another shape', async () => {
  const model = await loadModel(imageModel, { domain })
  const predict = (...shape: number[]) => model.predict({ data: new Float32Array(48), shape: [1, ...shape] })
  await expect(predict(4, 4, 3)).rejects.toThrow('the model takes [n, 3, 4, 4]. Transpose them')
  await expect(predict(48)).rejects.toThrow('{ featureShape: [3, 4, 4] }')
  await expect(predict(3, 2, 8)).rejects.toThrow(/takes \[n, 3, 4, 4\]\.$/)
  await model.close()
})

test('settings that do not exist are refused, and so are none', async () => {
  await expect(loadModel(two, { domain, preprocesing: { mean: 0.5 } } as never)).rejects.toThrow(
    'loadModel has no setting "preprocesing"',
  )
  await expect(loadModel(two, { domain, preprocessing: { sd: 0.5 } as never })).rejects.toThrow('no setting "sd"')
  await expect(loadModel(two, undefined as never)).rejects.toThrow("loadModel('model.onnx', { domain: [0, 1] })")
})

describe('outputs', () => {
  test('a final Softmax is seen through', async () => {
    const graph = graphOf([2], (builder, input) =>
      builder.add('Softmax', [builder.add('Mul', [input, builder.scalar(4)])], { axis: -1 }),
    )
    const logits = await loadModel(encodeModel(graph), { domain })
    expect(logits.description.warnings).toEqual([])
    expect(Array.from(await logits.predict(point))).toEqual([1, 4])
  })

  test('an activation of each logit raises a warning', async () => {
    const warnings = async (operator: string, size: number) => {
      const graph = graphOf([size], (builder, input) =>
        builder.add('Flatten', [builder.add(operator, [builder.add('Mul', [input, builder.scalar(2)])])]),
      )
      return (await loadModel(encodeModel(graph), { domain })).description.warnings
    }
    const about = (operator: string) => [
      expect.stringMatching(`The logits are the outputs of ${operator} .*loss: 'margin'`),
    ]
    expect(await warnings('Sigmoid', 3)).toEqual(about('Sigmoid'))
    expect(await warnings('Tanh', 2)).toEqual(about('Tanh'))
    expect(await warnings('Relu', 2)).toEqual([])
    expect(await warnings('Sigmoid', 1)).toEqual([])
  })

  test('an activation is seen behind a constant scale and offset, and behind nothing else', async () => {
    const warnings = async (emit: (builder: GraphBuilder, input: string) => string) =>
      (await loadModel(encodeModel(graphOf([2], emit)), { domain })).description.warnings
    const constant = (builder: GraphBuilder) => builder.floats([5, 7])
    const about = (operator: string) => [expect.stringContaining(`The logits are the outputs of ${operator} `)]
    expect(
      await warnings((builder, input) => builder.add('Mul', [builder.add('Tanh', [input]), constant(builder)])),
    ).toEqual(about('Tanh'))
    expect(
      await warnings((builder, input) => {
        const shifted = builder.add('Sub', [constant(builder), builder.add('Sigmoid', [input])])
        return builder.add('Flatten', [builder.add('Div', [shifted, builder.scalar(0.1)])])
      }),
    ).toEqual(about('Sigmoid'))
    expect(await warnings((builder, input) => builder.add('Exp', [builder.add('Neg', [input])]))).toEqual(about('Exp'))
    expect(await warnings((builder, input) => builder.add('Mul', [builder.add('Tanh', [input]), input]))).toEqual([])
    expect(
      await warnings((builder, input) => builder.add('Add', [builder.add('Mul', [input, input]), constant(builder)])),
    ).toEqual([])
  })

  test.each(fixtureNames)('no fixture is warned of: %s', async (name) => {
    const fixture = await loadFixture(name)
    const model = await loadModel(fixture.modelPath, { domain: fixture.domain })
    expect(model.description.warnings).toEqual([])
    await model.close()
  })

  test('probabilities that cannot be seen through raise a warning', async () => {
    const hidden = graphOf([2], (builder, input) => builder.add('Abs', [builder.add('Softmax', [input], { axis: -1 })]))
    const { description } = await loadModel(encodeModel(hidden), { domain })
    expect(description.warnings).toEqual([expect.stringContaining('looks like probabilities')])
  })

  test('what is no row of logits is refused, with the shape', async () => {
    await expect(loadModel(operatorModel([3, 4, 4], 'Relu'), { domain })).rejects.toThrow(
      'is float32 of shape [n, 3, 4, 4]; a classifier gives',
    )
    await expect(loadModel(operatorModel([2, 2], 'Relu'), { domain })).rejects.toThrow('or one score per sample')
    await expect(loadModel(two, { domain, output: 'scores' })).rejects.toThrow('no output "scores"; it has "logits"')
  })

  test.each([
    ['a score', (_: GraphBuilder, score: string) => score],
    [
      'a score as a vector',
      (builder: GraphBuilder, score: string) => builder.add('Squeeze', [score, builder.ints([1])]),
    ],
    ['a probability', (builder: GraphBuilder, score: string) => builder.add('Sigmoid', [score])],
    [
      'a probability as a vector',
      (builder: GraphBuilder, score: string) =>
        builder.add('Sigmoid', [builder.add('Squeeze', [score, builder.ints([1])])]),
    ],
    [
      'a probability that becomes a vector',
      (builder: GraphBuilder, score: string) =>
        builder.add('Squeeze', [builder.add('Sigmoid', [score]), builder.ints([1])]),
    ],
    [
      'a probability that is the mean over a single step',
      (builder: GraphBuilder, score: string) =>
        builder.add('ReduceMean', [builder.add('Sigmoid', [score]), builder.ints([1])], { keepdims: 1 }),
    ],
  ] as const)('%s per sample becomes two logits', async (_, end) => {
    const graph = graphOf([2], (builder, input) => {
      const score = builder.add('Gemm', [input, builder.floats([1, -2], [2, 1]), builder.floats([0.5])])
      return end(builder, score)
    })
    const model = await loadModel(encodeModel(graph), { domain })
    expect(model.classes).toBe(2)
    expect(model.description.output).toEqual({ name: 'logits', classes: 2 })
    expect(model.description.warnings).toEqual([])
    const inputs = { data: Float32Array.of(0.25, 1, 1, 0.5), shape: [2, 2] }
    expect(Array.from(await model.predict(inputs))).toEqual([0, -1.25, 0, 0.5])
    expect(Array.from(await model.inputGradient(inputs, [0, 1], 'margin'))).toEqual([-1, 2, 1, -2])
    const { samples } = await bound(model, crown({ norm: 'linf' }), { inputs })
    samples.forEach(({ radius }, index) => expect(radius / [1.25 / 3, 0.5 / 3][index]).toBeCloseTo(1, 1))
    await model.close()
  })

  test('a single score that may be a probability is warned of', async () => {
    const choose = (least: number) => (builder: GraphBuilder, input: string) => {
      const score = builder.add('Sigmoid', [builder.add('Gemm', [input, builder.floats([1, -2], [2, 1])])])
      return builder.add('Max', [score, builder.floats([least])])
    }
    const load = (least: number) => loadModel(encodeModel(graphOf([2], choose(least))), { domain })
    expect((await load(0.1)).description.warnings).toEqual([
      expect.stringMatching(
        /lies between 0 and 1, as a probability does, and class 1 is predicted wherever it is above 0/,
      ),
    ])
    expect((await load(2)).description.warnings).toEqual([])
  })

  test('weights that are not finite are refused', async () => {
    await expect(
      loadModel(
        denseModel({
          weights: [
            [1, Number.NaN],
            [3, 4],
          ],
        }),
        { domain },
      ),
    ).rejects.toThrow('not finite')
  })
})

describe('batch size', () => {
  const fixed = (batch: number) =>
    encodeModel(graphOf([2, 2], (builder, input) => builder.add('Reshape', [input, builder.ints([batch, 4])]), batch))

  test('one that is fixed in the input and in a Reshape is released', async () => {
    for (const batch of [1, 4]) {
      const model = await loadModel(fixed(batch), { domain })
      expect(model.description.batching).toBe('dynamic')
      const inputs = { data: Float32Array.from({ length: 12 }, (_, index) => index / 12), shape: [3, 2, 2] }
      expect(Array.from(await model.predict(inputs))).toEqual(Array.from(inputs.data))
    }
  })

  test('one that the graph insists on leads to one run per sample, or to an error', async () => {
    const pinned = (batch: number) =>
      encodeModel(
        graphOf(
          [4],
          (builder, input) => {
            const flat = builder.add('Reshape', [input, builder.ints([batch * 4])])
            return builder.add('Unsqueeze', [
              builder.add('Mul', [flat, builder.floats([1, 2, 3, 4])]),
              builder.ints([0]),
            ])
          },
          batch,
        ),
      )
    const model = await loadModel(pinned(1), { domain })
    expect(model.description.batching).toBe('one at a time')
    expect(Array.from(await model.predict({ data: Float32Array.of(1, 1, 1, 1, 0, 0, 0, 1), shape: [2, 4] }))).toEqual([
      1, 2, 3, 4, 0, 0, 0, 4,
    ])
    const broken = encodeModel(
      graphOf(
        [4],
        (builder, input) =>
          builder.add('Reshape', [builder.add('Reshape', [input, builder.ints([8])]), builder.ints([2, 4])]),
        2,
      ),
    )
    await expect(loadModel(broken, { domain })).rejects.toThrow('fixed to batches of 2')
  })
})

describe('what a sample gets that depends on the others of its batch', () => {
  const mixtures: Record<string, [readonly number[], (builder: GraphBuilder, input: string) => string]> = {
    'a Reshape that joins the samples': [
      [3, 2],
      (builder, input) =>
        builder.add('Reshape', [builder.add('Transpose', [input], { perm: [1, 0, 2] }), builder.ints([-1, 6])]),
    ],
    'statistics of the batch': [
      [3],
      (builder, input) =>
        builder.add('Sub', [input, builder.add('ReduceMean', [input, builder.ints([0])], { keepdims: 1 })]),
    ],
    'sums over the batch': [[3], (builder, input) => builder.add('CumSum', [input, builder.int(0)])],
    'a scale that is found at run time': [
      [3],
      (builder, input) => builder.add('DequantizeLinear', builder.addMany('DynamicQuantizeLinear', [input], 3)),
    ],
  }

  test.for(Object.entries(mixtures))('%s: samples are run one at a time', async ([, [features, build]]) => {
    const size = features.reduce((product, length) => product * length)
    const data = Float32Array.from({ length: 3 * size }, (_, index) => ((index * 5) % 17) / 17)
    for (const batch of [1, 'batch']) {
      const model = await loadModel(encodeModel(graphOf(features, build, batch)), { domain })
      expect(model.description.batching).toBe('one at a time')
      const alone: number[] = []
      for (let start = 0; start < data.length; start += size) {
        alone.push(...(await model.predict({ data: data.slice(start, start + size), shape: [1, ...features] })))
      }
      expect(Array.from(await model.predict({ data, shape: [3, ...features] }))).toEqual(alone)
      await model.close()
    }
    const pair = loadModel(encodeModel(graphOf(features, build, 2)), { domain })
    await expect(pair).rejects.toThrow('with a batch of 1')
  })
})

test('a model of several samples at once whose output has them on another axis is refused', async () => {
  const graph = graphOf([2, 3], (builder, input) => builder.add('Transpose', [input], { perm: [1, 0, 2] }), 4)
  await expect(loadRegressor(encodeModel(graph), { domain })).rejects.toThrow('of shape [2, n, 3]')
})

test('a batch of 1 that is lost on the way to the output is no gradient, and says so', async () => {
  const graph = graphOf(
    [36],
    (builder, input) => {
      const pair = builder.add('Reshape', [input, builder.ints([2, 3, 6])])
      return builder.add('Reshape', [builder.add('LpPool', [pair], { kernel_shape: [2] }), builder.ints([1, -1])])
    },
    1,
  )
  const model = await loadModel(encodeModel(graph), { domain })
  const inputs = { data: new Float32Array(36).fill(0.5), shape: [1, 36] }
  await expect(model.inputGradient(inputs, [0], 'margin')).rejects.toThrow('the batch does not stay the first axis')
  await model.close()
})

test('outputs whose shape changes from sample to sample are refused', async () => {
  const graph = graphOf(
    [4],
    (builder, input) => {
      const numbers = builder.add('Reshape', [input, builder.ints([4])])
      const isLarge = builder.add('Greater', [numbers, builder.scalar(0.4)])
      return builder.add('Unsqueeze', [builder.add('Compress', [numbers, isLarge]), builder.ints([0])])
    },
    1,
  )
  const inputs = { data: Float32Array.of(0, 1, 0, 1, 0.5, 0.5, 1, 1), shape: [2, 4] }
  const loading = loadRegressor(encodeModel(graph), { domain }).then((model) => model.predict(inputs))
  await expect(loading).rejects.toThrow(ModelError)
  await expect(loading).rejects.toThrow('has another shape from sample to sample')
})

test('a model of one sample at a time may drop the batch axis on the way', async () => {
  const graph = graphOf(
    [2],
    (builder, input) => {
      const vector = builder.add('Reshape', [input, builder.ints([2])])
      const doubled = builder.add('Add', [vector, vector])
      return builder.add('Reshape', [doubled, builder.ints([1, 2])])
    },
    1,
  )
  const model = await loadModel(encodeModel(graph), { domain })
  expect(model.description.batching).toBe('one at a time')
  expect(Array.from(await model.predict(point))).toEqual([0.5, 2])
  expect(Array.from(await model.inputGradient(point, [1], 'margin'))).toEqual([-2, 2])
  await model.close()
})

describe('other precisions and inputs', () => {
  test('float64 and float16 are refused', async () => {
    const typed = (elemType: number) =>
      edited(two, ({ graph }) => {
        const { value } = graph!.input[0].type!
        if (value.case === 'tensorType') value.value.elemType = elemType
      })
    await expect(loadModel(typed(11), { domain })).rejects.toThrow('is float64')
    await expect(loadModel(typed(10), { domain })).rejects.toThrow('is float16')
    await expect(loadModel(typed(7), { domain })).rejects.toThrow('is int64; attacks need a float32 input')
  })

  test('open sizes are asked for', async () => {
    const open = edited(operatorModel([1, 4, 4], 'GlobalMaxPool'), ({ graph }) => {
      const { value } = graph!.input[0].type!
      if (value.case === 'tensorType') value.value.shape!.dim[2].value = { case: 'dimParam', value: 'height' }
    })
    await expect(loadModel(open, { domain })).rejects.toThrow('leaves sizes open: [batch, 1, height, 4]')
    await expect(loadModel(open, { domain, featureShape: [1, 4, 5] })).rejects.toThrow('contradicts the input')
  })

  test('training mode is refused', async () => {
    const training = encodeModel(
      graphOf([2], (builder, input) =>
        builder.add('Dropout', [
          input,
          builder.scalar(0.5),
          builder.constant({ type: 'bool', shape: [], data: Uint8Array.of(1) }),
        ]),
      ),
    )
    await expect(loadModel(training, { domain })).rejects.toThrow('is in training mode')
  })

  test('random numbers are refused', async () => {
    const noisy = graphOf([2], (builder, input) =>
      builder.add('Add', [input, builder.add('RandomNormalLike', [input], { seed: 1 })]),
    )
    await expect(loadModel(encodeModel(noisy), { domain })).rejects.toThrow('(RandomNormalLike) draws random numbers')
  })
})

test('a file that is no model is named', async () => {
  await expect(loadModel('fixtures/samples/iris_mlp.npz', { domain })).rejects.toThrow(
    /iris_mlp\.npz: The bytes are not an ONNX model/,
  )
})

describe('damaged files', () => {
  test.each([
    ['nothing', new Uint8Array(0)],
    ['text', new TextEncoder().encode('version https://git-lfs.github.com/spec/v1')],
    ['a truncated model', two.subarray(0, two.length - 20)],
    [
      'an empty graph',
      edited(two, (model) => {
        model.graph!.node = []
      }),
    ],
    [
      'a cycle',
      edited(two, ({ graph }) => {
        graph!.node[0].input[0] = 'logits'
      }),
    ],
    [
      'an input that nothing makes',
      edited(two, ({ graph }) => {
        graph!.node[0].input[0] = 'missing'
      }),
    ],
    [
      'a value made twice',
      edited(two, ({ graph }) => {
        graph!.node.push(graph!.node[0])
      }),
    ],
    [
      'a shape that contradicts the data',
      edited(two, ({ graph }) => {
        graph!.initializer[0].dims[0] = 1_000_000_000n
      }),
    ],
    [
      'a negative size',
      edited(two, ({ graph }) => {
        graph!.initializer[0].dims[0] = -2n
      }),
    ],
    [
      'an unknown element type',
      edited(two, ({ graph }) => {
        graph!.initializer[0].dataType = 77
      }),
    ],
    [
      'an unknown operator',
      edited(two, ({ graph }) => {
        graph!.node[0].opType = 'Frobnicate'
      }),
    ],
    [
      'no opset',
      edited(two, (model) => {
        model.opsetImport = []
      }),
    ],
    [
      'an ancient opset',
      edited(two, (model) => {
        model.opsetImport[0].version = 3n
      }),
    ],
    [
      'an absurd input',
      edited(two, ({ graph }) => {
        const { value } = graph!.input[0].type!
        if (value.case === 'tensorType') value.value.shape!.dim[1].value = { case: 'dimValue', value: 1n << 50n }
      }),
    ],
  ])('%s is a ModelError', async (_, bytes) => {
    await expect(loadModel(bytes, { domain })).rejects.toThrow(ModelError)
  })

  test('a missing file is a ModelError', async () => {
    await expect(loadModel('no-such-model.onnx', { domain })).rejects.toThrow(
      /no-such-model.onnx cannot be read \(ENOENT\)/,
    )
  })
})

describe('external data', () => {
  const folder = mkdtempSync(join(tmpdir(), 'unfooled-'))
  const external = (location: string, length = '16') =>
    edited(two, ({ graph }) => {
      const [weights] = graph!.initializer
      writeFileSync(join(folder, 'weights.bin'), weights.rawData)
      weights.rawData = new Uint8Array(0)
      weights.dataLocation = TensorProto_DataLocation.EXTERNAL
      weights.externalData = Object.entries({ location, offset: '0', length }).map((entry) =>
        create(StringStringEntryProtoSchema, { key: entry[0], value: entry[1] }),
      )
    })
  const load = (name: string, bytes: Uint8Array) => {
    writeFileSync(join(folder, name), bytes)
    return loadModel(join(folder, name), { domain })
  }

  test('is read from the folder of the model', async () => {
    const model = await load('inside.onnx', external('weights.bin'))
    expect(Array.from(await model.predict(point))).toEqual([2.75, 4.75])
  })

  test('of several tensors may share a file', async () => {
    const parts: Uint8Array[] = [new Uint8Array(3)]
    const bytes = edited(two, ({ graph }) => {
      expect(graph!.initializer).toHaveLength(2)
      for (const tensor of graph!.initializer) {
        const entries = {
          location: 'shared.bin',
          offset: `${Buffer.concat(parts).length}`,
          length: `${tensor.rawData.length}`,
        }
        parts.push(tensor.rawData)
        tensor.rawData = new Uint8Array(0)
        tensor.dataLocation = TensorProto_DataLocation.EXTERNAL
        tensor.externalData = Object.entries(entries).map(([key, value]) =>
          create(StringStringEntryProtoSchema, { key, value }),
        )
      }
      writeFileSync(join(folder, 'shared.bin'), Buffer.concat(parts))
    })
    const model = await load('shared.onnx', bytes)
    expect(Array.from(await model.predict(point))).toEqual([2.75, 4.75])
  })

  test('is not read from anywhere else', async () => {
    const elsewhere = mkdtempSync(join(tmpdir(), 'unfooled-'))
    writeFileSync(join(elsewhere, 'secret.bin'), new Uint8Array(16))
    symlinkSync(join(elsewhere, 'secret.bin'), join(folder, 'link.bin'))
    await expect(load('outside.onnx', external(join(elsewhere, 'secret.bin')))).rejects.toThrow('outside the folder')
    await expect(load('link.onnx', external('link.bin'))).rejects.toThrow('outside the folder')
    await expect(load('absent.onnx', external('absent.bin'))).rejects.toThrow('cannot be used')
    await expect(load('short.onnx', external('weights.bin', '64'))).rejects.toThrow(
      'has 16 bytes; the model asks for bytes 0 to 64',
    )
    await expect(loadModel(external('weights.bin'), { domain })).rejects.toThrow('Load it by its path')
  })
})
