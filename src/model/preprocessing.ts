import { describe, isRecord, refuseUnknown } from '../arguments.js'
import { SettingsError } from '../errors.js'
import type { GraphNode, Tensor, TypedGraph } from '../graph/graph.js'

/**
 * Normalisation that the caller applies before the model: (x − mean) / std, one value for all features or one per
 * channel. Domain and ε stay in the units before it.
 */
export interface Preprocessing {
  readonly mean?: number | readonly number[]
  readonly std?: number | readonly number[]
  /** Axis of the channels, counted with the batch axis. Default 1 (NCHW). */
  readonly channelAxis?: number
}

/**
 * Puts the normalisation in front of the model, as nodes of the graph.
 * @throws SettingsError when it does not fit the input, or makes no sense.
 */
export function prependPreprocessing(graph: TypedGraph, settings: Preprocessing): TypedGraph {
  if (!isRecord(settings as unknown)) {
    throw new SettingsError(
      `preprocessing must be an object such as { mean: 0.5, std: 0.25 }; it is ${describe(settings)}.`,
    )
  }
  const { mean, std, channelAxis = 1, ...others } = settings
  refuseUnknown('preprocessing', others)
  const [input] = graph.inputs
  const type = graph.values.get(input.name)!
  const constants = new Map(graph.constants)
  const values = new Map(graph.values)
  const nodes: GraphNode[] = []
  let last = input.name
  const step = (operator: string, operand: number | readonly number[], name: string) => {
    const constant = perChannel(operand, input.shape!, channelAxis)
    constants.set(name, constant)
    values.set(name, constant)
    const output = `${name}:applied`
    values.set(output, type)
    nodes.push({ operator, name, domain: '', inputs: [last, name], outputs: [output], attributes: new Map() })
    last = output
  }
  if (mean !== undefined) step('Sub', mean, 'preprocessing:mean')
  if (std !== undefined && [std].flat().some((value) => !(value > 0))) {
    throw new SettingsError(
      `The std of preprocessing divides the inputs and must be above 0; it is ${[std].flat().join(', ')}.`,
    )
  }
  if (std !== undefined) step('Div', std, 'preprocessing:std')
  const model = graph.nodes.map((node) => ({
    ...node,
    inputs: node.inputs.map((name) => (name === input.name ? last : name)),
  }))
  return { ...graph, nodes: [...nodes, ...model], constants, values }
}

/** What the nodes of {@link prependPreprocessing} make of inputs. */
export function preprocess(
  data: Float32Array,
  shape: readonly number[],
  { mean = 0, std = 1, channelAxis = 1 }: Preprocessing,
): Float32Array {
  const perElement = shape.slice(channelAxis + 1).reduce((product, size) => product * size, 1)
  const of = (operand: number | readonly number[], index: number) => {
    const values = [operand].flat()
    return values.length === 1 ? values[0] : values[Math.floor(index / perElement) % shape[channelAxis]]
  }
  return data.map((value, index) => Math.fround(value - Math.fround(of(mean, index))) / Math.fround(of(std, index)))
}

function perChannel(operand: number | readonly number[], shape: readonly (number | string)[], axis: number): Tensor {
  const data = typeof operand === 'number' ? [operand] : operand
  if (data.length !== 1 && data.length !== shape[axis]) {
    throw new SettingsError(
      `Preprocessing has ${data.length} values, but axis ${axis} of the input has size ${shape[axis]}.`,
    )
  }
  if (!data.every(Number.isFinite)) throw new SettingsError('Preprocessing values must be finite numbers.')
  return {
    type: 'float32',
    shape: shape.map((_, index) => (index === axis ? data.length : 1)),
    data: Float32Array.from(data),
  }
}
