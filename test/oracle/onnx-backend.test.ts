import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { afterAll, expect, test } from 'vitest'
import { crown, intervalPropagation } from '../../src/bounds/crown.js'
import { marginBounds } from '../../src/bounds/run-bound.js'
import { engine } from '../../src/engine/engine.js'
import { GraphRefusedError, UnfooledError } from '../../src/errors.js'
import type { DomainSettings } from '../../src/geometry/domain.js'
import { decodeModel } from '../../src/graph/decode.js'
import { encodeModel } from '../../src/graph/encode.js'
import type { Graph, GraphNode, Tensor } from '../../src/graph/graph.js'
import { GraphProtoSchema, ModelProtoSchema, TensorProtoSchema } from '../../src/graph/onnx/onnx_pb.js'
import { loadModel } from '../../src/model/load-model.js'
import { loadRegressor } from '../../src/model/load-regressor.js'
import type { Regressor } from '../../src/model/regressor.js'
import { isStep } from '../../src/operators/steps.js'
import { type RandomSource, randomSource } from '../../src/sampling/random.js'
import { directionalDerivative } from '../architectures/finite-differences.js'
import { sampledMargins } from '../bounds/sampling.js'
import { seed } from '../seed.js'

/** The backend tests of ONNX, as Debian's package libonnx-testdata has them: a model of one operator each, with data. */
const folder = '/usr/share/libonnx-testdata/data/node'
const isThere = existsSync(folder)
if (!isThere && process.env.UNFOOLED_REQUIRE_ORACLE) {
  throw new Error(`This test needs ${folder}, of Debian's package libonnx-testdata.`)
}

afterAll(() => engine.close())

const external = () => {
  throw new Error('The tests of ONNX keep all tensors in their files.')
}

/** Tensors have files of their own: read as if they were a model's. */
function readTensor(path: string): Tensor {
  const tensor = fromBinary(TensorProtoSchema, readFileSync(path))
  const graph = create(GraphProtoSchema, { initializer: [{ ...tensor, name: 'tensor' }] })
  const model = create(ModelProtoSchema, { opsetImport: [{ domain: '', version: 18n }], graph })
  return decodeModel(toBinary(ModelProtoSchema, model), external).constants.get('tensor')!
}

interface Case {
  /** A model of the first float32 input, whose first axis is the batch; the other inputs are constants. */
  readonly graph: Graph
  readonly input: Tensor
  readonly output: Tensor
}

/** Undefined where there is no such input or output, or more in the files than tensors of numbers. */
function readCase(name: string): Case | undefined {
  const data = join(folder, name, 'test_data_set_0')
  try {
    const graph = decodeModel(readFileSync(join(folder, name, 'model.onnx')), external)
    const tensors = graph.inputs.map((_, index) => readTensor(join(data, `input_${index}.pb`)))
    const output = readTensor(join(data, 'output_0.pb'))
    const first = tensors.findIndex(({ type, shape }) => type === 'float32' && shape.length > 1)
    if (first < 0 || output.type !== 'float32' || output.shape.length < 2) return undefined
    const input = tensors[first]
    const constants = new Map(graph.constants)
    graph.inputs.forEach(({ name: other }, index) => {
      if (index !== first) constants.set(other, tensors[index])
    })
    const port = { ...graph.inputs[first], shape: ['batch', ...input.shape.slice(1)] }
    return { graph: { ...graph, constants, inputs: [port], outputs: [graph.outputs[0]] }, input, output }
  } catch (error) {
    if (error instanceof UnfooledError) return undefined
    throw error
  }
}

/** Near the input, on no kink, and where roots and logarithms of the input are defined. */
function nearby({ data }: Tensor, random: RandomSource): Float32Array {
  return Float32Array.from(data as Float32Array, (value) => value * (0.98 - 0.02 * random.uniform()) - 1e-3)
}

/** Whether the gradient is that of finite differences; undefined where the runtime has no float64 kernel for these. */
async function hasRightGradient(model: Regressor, inputs: { data: Float32Array; shape: readonly number[] }) {
  const random = randomSource(seed)
  const direction = Float64Array.from(inputs.data, () => random.normal())
  const slopes = await directionalDerivative(model, inputs, direction).catch((error) => {
    if (error instanceof GraphRefusedError) return undefined
    throw error
  })
  if (!slopes?.every(Number.isFinite)) return undefined
  const cotangents = Float32Array.from(slopes, () => random.normal())
  const gradient = await model.vjp(inputs, cotangents)
  const products = Array.from(gradient, (value, index) => value * direction[index])
  const expected = Array.from(slopes, (value, index) => value * cotangents[index])
  const size = [...products, ...expected].reduce((sum, value) => sum + Math.abs(value), 1e-3)
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
  return Math.abs(sum(products) - sum(expected)) <= 1e-4 * size
}

/** Whether bounds of three sums of the outputs hold, over a small and a large box around one sample. */
async function hasRightBounds({ graph, input }: Case, outputs: number, domain: DomainSettings): Promise<boolean> {
  const random = randomSource(seed)
  const weights = Float32Array.from({ length: outputs * 3 }, () => random.normal())
  const node = (operator: string, inputs: readonly string[], output: string): GraphNode => {
    return { operator, name: '', domain: '', inputs, outputs: [output], attributes: new Map() }
  }
  const sums = [
    node('Flatten', [graph.outputs[0].name], 'outputs in a row'),
    node('MatMul', ['outputs in a row', 'weights'], 'sums'),
  ]
  const classifier = {
    ...graph,
    outputs: [{ name: 'sums' }],
    nodes: [...graph.nodes, ...sums],
    constants: new Map(graph.constants).set('weights', { type: 'float32', shape: [outputs, 3], data: weights }),
  }
  const model = await loadModel(encodeModel(classifier), { domain })
  try {
    const sample = (input.data as Float32Array).subarray(0, input.data.length / input.shape[0])
    const data = new Float32Array(2 * sample.length)
    data.set(sample)
    data.set(sample, sample.length)
    const inputs = { data, shape: [2, ...input.shape.slice(1)] }
    const [labels, epsilon] = [
      [0, 1],
      [0.001, 0.05],
    ]
    const settings = { norm: 'linf', domain: 'intersect', points: 60 } as const
    const sampled = await sampledMargins(model, inputs, labels, epsilon, settings, random)
    for (const method of [crown({ norm: 'linf' }), intervalPropagation({ norm: 'linf' })]) {
      const margins = await marginBounds(model, method, { inputs, labels, epsilon })
      if (!margins.every((margin, index) => margin <= sampled[index])) return false
    }
    return true
  } finally {
    await model.close()
  }
}

// What the runtime computes otherwise: it keeps the last pixel where the size of the result is rounded.
const otherwise = ['linear', 'cubic'].map((mode) => `test_resize_downsample_scales_${mode}_align_corners`)

test.skipIf(!isThere)('every operator test of ONNX that is a batch of samples is passed or refused', async () => {
  const counts = { outputs: 0, gradients: 0, bounds: 0 }
  const wrong: string[] = []
  const attempt = async (name: string, check: () => Promise<void>) => {
    try {
      await check()
    } catch (error) {
      if (!(error instanceof UnfooledError) || error.message.includes('Please report')) wrong.push(`${name}: ${error}`)
    }
  }
  for (const name of readdirSync(folder)) {
    const found = readCase(name)
    if (!found) continue
    const { graph, input, output } = found
    const [count, size] = [input.shape[0], input.data.length / input.shape[0]]
    const samples = input.data as Float32Array
    const data = nearby(input, randomSource(seed))
    const ends = (end: (...values: number[]) => number) =>
      Array.from({ length: size }, (_, feature) => {
        const of = (values: Float32Array) => Array.from({ length: count }, (_, row) => values[row * size + feature])
        return end(...of(samples), ...of(data))
      })
    const domain = { lower: ends(Math.min), upper: ends(Math.max) }
    await attempt(name, async () => {
      const model = await loadRegressor(encodeModel(graph), { domain })
      try {
        const shape = [count, ...model.outputShape]
        // A test of something else than samples that are independent of each other.
        if (model.description.batching === 'one at a time' || String(shape) !== String(output.shape)) return
        const outputs = await model.predict({ data: samples, shape: input.shape })
        const expected = output.data as Float32Array
        const scale = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6)
        const isRight = outputs.every((value, index) => Math.abs(value - expected[index]) <= 1e-3 * scale)
        if (!isRight && !otherwise.includes(name)) wrong.push(`${name}: outputs`)
        counts.outputs++
        if (model.graph.nodes.some(isStep)) return
        const isGradient = await hasRightGradient(model, { data, shape: input.shape })
        if (isGradient === false) wrong.push(`${name}: gradient`)
        if (isGradient) counts.gradients++
        if (!(await hasRightBounds(found, outputs.length / count, domain))) wrong.push(`${name}: bounds`)
        counts.bounds++
      } finally {
        await model.close()
      }
    })
  }
  expect(wrong).toEqual([])
  // Of version 1.12 these are 266, 225 and 212.
  expect(counts.outputs).toBeGreaterThanOrEqual(250)
  expect(counts.gradients).toBeGreaterThanOrEqual(210)
  expect(counts.bounds).toBeGreaterThanOrEqual(200)
})
