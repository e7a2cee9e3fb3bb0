import { engine } from '../../src/engine/engine.js'
import { GraphBuilder, type Precision } from '../../src/graph/builder.js'
import {
  elementCount,
  featureShape,
  type Graph,
  type GraphNode,
  type Tensor,
  type TypedGraph,
} from '../../src/graph/graph.js'
import { inferTypes } from '../../src/model/infer-types.js'
import { renameValues } from '../../src/model/prepare-graph.js'
import type { LinearRules, WeightUse } from '../../src/operators/operator.js'
import { findOperator } from '../../src/operators/registry.js'
import { findActivations, ruleContext } from '../../src/passes/context.js'
import { derivativeContext } from '../../src/passes/derivative-context.js'
import { declareInputs, emitForward } from '../../src/passes/forward.js'
import { emitGradient } from '../../src/passes/gradient.js'
import { emitTangent } from '../../src/passes/jvp.js'
import { type RandomSource, randomSource } from '../../src/sampling/random.js'
import { seed } from '../seed.js'

const batch = 2
const rowsPerSample = 3
const step = 1e-5

/** A small graph around the operator under test. */
export interface OperatorCase {
  /** Shape of one sample of the input. */
  readonly features: readonly number[]
  /** Adds the operator; returns its outputs. `input` is [batch, ...features]. */
  build(builder: GraphBuilder, input: string, random: RandomSource): string | readonly string[]
  /** Draws one input element; standard normal by default. */
  readonly element?: (random: RandomSource) => number
  readonly opset?: number
  /** Skips the check that no rows give no gradients, which onnxruntime's MatMul cannot broadcast over. */
  readonly noEmptyRows?: boolean
}

/** A constant of standard normal numbers. */
export function normals(builder: GraphBuilder, random: RandomSource, shape: readonly number[]): string {
  return builder.floats(
    Array.from({ length: elementCount(shape) }, () => random.normal()),
    shape,
  )
}

/**
 * Checks the rules of the operators in a graph against each other and against finite differences.
 * @throws Error that names the check and the first element that differs.
 */
export async function checkOperator(operatorCase: OperatorCase): Promise<void> {
  const subject = await makeSubject(operatorCase)
  const forward32 = await evaluateForward(subject, 'float32', subject.input)
  const forward64 = await evaluateForward(subject, 'float64', subject.input)
  compare('float64 forward against float32 forward', forward64, forward32, 1e-4)

  const point = await derivatives(subject, 'float64', subject.input)
  await checkFiniteDifferences(subject, point)
  const { gradient, tangents } = point
  compare('jvp against vjp', [perSample(tangents, point.seeds)], [perSample([point.direction], [gradient])], 1e-9)

  const single = await derivatives(subject, 'float32', subject.input)
  compare('float32 vjp against float64 vjp', [single.gradient], [gradient], 1e-4)
  compare('float32 jvp against float64 jvp', single.tangents, tangents, 1e-4)

  await checkRows(subject)
  if (!operatorCase.noEmptyRows) await checkNoRows(subject)
}

/** {@link checkOperator} plus the rules that only linear operators have. */
export async function checkLinearOperator(operatorCase: OperatorCase): Promise<void> {
  await checkOperator(operatorCase)
  const subject = await makeSubject(operatorCase)
  for (const precision of ['float32', 'float64'] as const) await checkLinearity(subject, precision)
}

interface Subject {
  readonly graph: TypedGraph
  readonly features: readonly number[]
  readonly outputShapes: readonly (readonly number[])[]
  readonly input: Float64Array
  readonly random: RandomSource
}

async function makeSubject({ features, build, element, opset = 18 }: OperatorCase): Promise<Subject> {
  const random = randomSource(seed)
  const builder = new GraphBuilder(opset)
  const built = build(builder, builder.input('input', 'float32', ['batch', ...features]), random)
  const outputs = typeof built === 'string' ? [built] : built
  outputs.forEach((output, index) => builder.output(`output${index}`, output))
  const graph = await inferTypes(renameValues(builder.build()))
  const outputShapes = graph.outputs.map(({ name }) => {
    const shape = featureShape(graph.values.get(name)!.shape)
    if (!shape) throw new Error(`The output "${name}" of the case does not keep the batch as its first axis.`)
    return shape
  })
  const draw = element ?? ((source) => source.normal())
  // Numbers that are exact in float32, so that both precisions see the same input.
  const input = Float64Array.from({ length: batch * elementCount(features) }, () => Math.fround(draw(random)))
  return { graph, features, outputShapes, input, random }
}

async function checkFiniteDifferences(subject: Subject, point: Derivatives): Promise<void> {
  const { direction, seeds, gradient } = point
  const shifted = (sign: number) => subject.input.map((element, index) => element + sign * step * direction[index])
  const [ahead, behind] = [
    await evaluateForward(subject, 'float64', shifted(1)),
    await evaluateForward(subject, 'float64', shifted(-1)),
  ]
  const slopes = ahead.map((values, output) =>
    values.map((value, index) => (value - behind[output][index]) / (2 * step)),
  )
  const expected = perSample(slopes, seeds)
  compare('vjp against finite differences', [perSample([direction], [gradient])], [expected], 1e-6)
}

/** Gradients of several rows per sample must be those of each row alone. */
async function checkRows(subject: Subject): Promise<void> {
  const sampleOfRow = Array.from({ length: batch * rowsPerSample }, (_, row) => Math.floor(row / rowsPerSample))
  const together = await derivatives(subject, 'float64', subject.input, sampleOfRow)
  const width = elementCount(subject.features)
  for (let copy = 0; copy < rowsPerSample; copy++) {
    const pick = (values: Float64Array, size: number) =>
      Float64Array.from({ length: batch * size }, (_, index) => {
        const row = Math.floor(index / size) * rowsPerSample + copy
        return values[row * size + (index % size)]
      })
    const alone = await derivatives(subject, 'float64', subject.input, undefined, {
      seeds: together.seeds.map((values, output) => pick(values, elementCount(subject.outputShapes[output]))),
      direction: pick(together.direction, width),
    })
    compare('vjp of several rows per sample', [pick(together.gradient, width)], [alone.gradient], 1e-12)
    const tangents = together.tangents.map((values, output) => pick(values, elementCount(subject.outputShapes[output])))
    compare('jvp of several rows per sample', tangents, alone.tangents, 1e-12)
  }
}

/** No rows give no gradients, rather than an error: bounds pass only the rows that are left to refine. */
async function checkNoRows(subject: Subject): Promise<void> {
  for (const precision of ['float32', 'float64'] as const) {
    const none = await derivatives(subject, precision, subject.input, [])
    if (none.gradient.length > 0) throw new Error(`${none.gradient.length} gradient elements without any rows.`)
  }
}

async function checkLinearity(subject: Subject, precision: Precision): Promise<void> {
  const tolerance = precision === 'float32' ? 1e-4 : 1e-10
  const apply = (use: WeightUse, input: Float64Array) => evaluateApply(subject, precision, use, input)
  const plain: WeightUse = { absolute: false, bias: false }
  const { input, random } = subject
  const size = elementCount(subject.features)

  const biased = await apply({ absolute: false, bias: true }, input)
  compare('apply with bias against forward', biased, await evaluateForward(subject, precision, input), tolerance)

  const other = input.map(() => Math.fround(random.normal()))
  const sum = await apply(
    plain,
    input.map((element, index) => element + 2 * other[index]),
  )
  const [first, second] = [await apply(plain, input), await apply(plain, other)]
  const expected = first.map((values, output) => values.map((value, index) => value + 2 * second[output][index]))
  compare('linearity of apply without bias', sum, expected, tolerance)

  // Unit vectors as rows give W itself, and show that apply takes any number of rows.
  const units = Float64Array.from({ length: size * size }, (_, index) => (index % (size + 1) === 0 ? 1 : 0))
  const columns = await apply(plain, units)
  const magnitudes = input.map(Math.abs)
  const absolute = await apply({ absolute: true, bias: false }, magnitudes)
  const constantPart = await apply({ absolute: true, bias: true }, new Float64Array(input.length))
  const bias = biased.map((values, output) => values.map((value, index) => Math.abs(value - first[output][index])))
  const exact = hasOneUse(subject.graph)
  subject.outputShapes.forEach((shape, output) => {
    const width = elementCount(shape)
    const weights = columns[output]
    const dominant = absolute[output].map((_, index) => {
      const [sample, element] = [Math.floor(index / width), index % width]
      let total = 0
      for (let unit = 0; unit < size; unit++) {
        total += Math.abs(weights[unit * width + element]) * magnitudes[sample * size + unit]
      }
      return total
    })
    if (exact) compare('absolute apply against |W|·|x|', [absolute[output]], [dominant], tolerance)
    dominates('absolute apply', absolute[output], dominant, tolerance)
    dominates('absolute bias', constantPart[output], bias[output], tolerance)
    if (exact) checkTerms(subject.graph, weights, bias[output], width)
  })
}

/** `terms` must not be less than the number of summands seen, and 1 promises that numbers are only moved. */
function checkTerms(graph: TypedGraph, weights: Float64Array, bias: Float64Array, width: number): void {
  const context = ruleContext(graph, new GraphBuilder(graph.opset))
  const [node] = underTest(graph)
  const terms = linearRules(graph, node).terms(node, context)
  for (let element = 0; element < width; element++) {
    const row = Array.from({ length: weights.length / width }, (_, unit) => weights[unit * width + element])
    const summands = row.filter((weight) => weight !== 0)
    if (summands.length > terms) throw new Error(`terms says ${terms}, but ${summands.length} numbers are added.`)
    if (terms === 1 && summands.some((weight) => weight !== 1)) throw new Error('terms says 1, but there is a factor.')
    if (terms === 1 && summands.length === 1 && bias[element] > 1e-6) {
      throw new Error('terms says 1, but a constant is added.')
    }
  }
}

function underTest(graph: TypedGraph): GraphNode[] {
  const activations = findActivations(graph)
  return graph.nodes.filter(
    ({ operator, outputs }) => operator !== 'Identity' && outputs.some((output) => activations.has(output)),
  )
}

// |W| of a composition is not the composition of the |W|, and W of x + x is not either.
function hasOneUse(graph: TypedGraph): boolean {
  const nodes = underTest(graph)
  return nodes.length === 1 && nodes[0].inputs.filter((input) => input === graph.inputs[0].name).length === 1
}

function linearRules(graph: TypedGraph, node: GraphNode): LinearRules {
  const rules = findOperator(node)?.linear?.(node, ruleContext(graph, new GraphBuilder(graph.opset)))
  if (!rules) throw new Error(`${node.operator} has no linear rules for this node.`)
  return rules
}

async function evaluateForward(subject: Subject, precision: Precision, input: Float64Array): Promise<Float64Array[]> {
  const { graph } = subject
  const builder = new GraphBuilder(graph.opset, precision)
  declareInputs(graph, builder)
  const forward = emitForward(graph, ruleContext(graph, builder))
  const outputs = graph.outputs.map(({ name }) => forward.get(name)!)
  return run(builder, outputs, { [graph.inputs[0].name]: rowsTensor(precision, input, subject.features) })
}

async function evaluateApply(subject: Subject, precision: Precision, use: WeightUse, input: Float64Array) {
  const { graph } = subject
  const builder = new GraphBuilder(graph.opset, precision)
  const context = ruleContext(graph, builder)
  const rows = builder.input('rows', precision, ['rows', ...subject.features])
  const values = new Map([[graph.inputs[0].name, rows]])
  // Values that follow the batch without being activations come from the forward pass.
  declareInputs(graph, builder)
  emitForward(graph, context)
  for (const node of graph.nodes.filter(({ outputs }) => outputs.some((output) => context.isActivation(output)))) {
    const inputs = node.inputs.map((value) => values.get(value) ?? '')
    const outputs = linearRules(graph, node).apply(node, inputs, context, use)
    outputs.forEach((output, index) => values.set(node.outputs[index], output))
  }
  const outputs = graph.outputs.map(({ name }) => values.get(name)!)
  return run(builder, outputs, {
    rows: rowsTensor(precision, input, subject.features),
    [graph.inputs[0].name]: rowsTensor(precision, subject.input, subject.features),
  })
}

interface Probe {
  /** Gradient of each output, one slice per row. */
  readonly seeds: readonly Float64Array[]
  /** Tangent of the input, one slice per row. */
  readonly direction: Float64Array
}

interface Derivatives extends Probe {
  readonly gradient: Float64Array
  readonly tangents: readonly Float64Array[]
}

/** Runs vjp and jvp with random seeds; the same ones for both precisions. */
async function derivatives(
  subject: Subject,
  precision: Precision,
  input: Float64Array,
  sampleOfRow?: readonly number[],
  probe?: Probe,
): Promise<Derivatives> {
  const { graph, features, outputShapes } = subject
  const rows = sampleOfRow?.length ?? batch
  const random = randomSource(seed + 1)
  const normal = (shape: readonly number[]) =>
    Float64Array.from({ length: rows * elementCount(shape) }, () => Math.fround(random.normal()))
  const seeds = probe?.seeds ?? outputShapes.map(normal)
  const direction = probe?.direction ?? normal(features)

  const builder = new GraphBuilder(graph.opset, precision)
  declareInputs(graph, builder)
  const forward = emitForward(graph, ruleContext(graph, builder))
  const feeds: Record<string, Tensor> = { [graph.inputs[0].name]: rowsTensor(precision, input, features) }
  if (sampleOfRow) {
    builder.input('sampleOfRow', 'int64', ['rows'])
    feeds.sampleOfRow = { type: 'int64', shape: [rows], data: BigInt64Array.from(sampleOfRow, BigInt) }
  }
  const context = derivativeContext(graph, builder, forward, sampleOfRow && 'sampleOfRow')
  const seedNames = graph.outputs.map(({ name }, index): [string, string] => {
    const seedName = builder.input(`seed${index}`, precision, ['rows', ...outputShapes[index]])
    feeds[seedName] = rowsTensor(precision, seeds[index], outputShapes[index])
    return [name, seedName]
  })
  feeds.direction = rowsTensor(precision, direction, features)
  builder.input('direction', precision, ['rows', ...features])
  const gradientName = emitGradient(graph, new Map(seedNames), context)
  const tangentNames = emitTangent(graph, 'direction', context)
  const outputs = [gradientName, ...graph.outputs.map(({ name }) => tangentNames.get(name)!)]
  const [gradient, ...tangents] = await run(builder, outputs, feeds)
  return { seeds, direction, gradient, tangents }
}

async function run(builder: GraphBuilder, values: readonly string[], feeds: Record<string, Tensor>) {
  values.forEach((value, index) => builder.output(`result${index}`, value))
  const graph: Graph = builder.build()
  const session = await engine.createSession(graph)
  try {
    const results = await session.run(feeds)
    return values.map((_, index) => Float64Array.from(results[`result${index}`].data as Float64Array))
  } finally {
    await session.release()
  }
}

function rowsTensor(precision: Precision, data: Float64Array, features: readonly number[]): Tensor {
  const shape = [data.length / elementCount(features), ...features]
  return { type: precision, shape, data: precision === 'float32' ? Float32Array.from(data) : data.slice() }
}

/** Inner products of matching slices, one per sample. */
function perSample(left: readonly Float64Array[], right: readonly Float64Array[]): Float64Array {
  const products = new Float64Array(batch)
  left.forEach((values, part) => {
    const size = values.length / batch
    values.forEach((value, index) => {
      products[Math.floor(index / size)] += value * right[part][index]
    })
  })
  return products
}

function compare(
  check: string,
  actual: readonly Float64Array[],
  expected: readonly Float64Array[],
  tolerance: number,
): void {
  actual.forEach((values, output) => {
    const wanted = expected[output]
    if (values.length !== wanted.length) {
      throw new Error(`${check}: ${values.length} elements where ${wanted.length} were expected.`)
    }
    const scale = Math.max(1, ...wanted.map(Math.abs))
    values.forEach((value, index) => {
      if (!(Math.abs(value - wanted[index]) <= tolerance * scale)) {
        throw new Error(`${check}: element ${index} of output ${output} is ${value}, expected ${wanted[index]}.`)
      }
    })
  })
}

function dominates(what: string, larger: Float64Array, smaller: Float64Array, tolerance: number): void {
  smaller.forEach((value, index) => {
    if (!(larger[index] >= value - tolerance * Math.max(1, value))) {
      throw new Error(`${what} is ${larger[index]} at element ${index}, less than ${value}.`)
    }
  })
}
