import { describe, isRecord, refuseUnknown } from '../arguments.js'
import { SettingsError } from '../errors.js'
import { elementCount, type GraphNode, type Tensor, type TypedGraph } from '../graph/graph.js'
import type { Inputs } from '../sampling/samples.js'

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
  const [input] = graph.inputs
  const type = graph.values.get(input.name)!
  const constants = new Map(graph.constants)
  const values = new Map(graph.values)
  const nodes: GraphNode[] = []
  let last = input.name
  for (const { operator, name: part, operand } of stepsOf(settings, input.shape!)) {
    const name = `preprocessing:${part}`
    constants.set(name, operand)
    values.set(name, operand)
    const output = `${name}:applied`
    values.set(output, type)
    nodes.push({ operator, name, domain: '', inputs: [last, name], outputs: [output], attributes: new Map() })
    last = output
  }
  const model = graph.nodes.map((node) => ({
    ...node,
    inputs: node.inputs.map((name) => (name === input.name ? last : name)),
  }))
  return { ...graph, nodes: [...nodes, ...model], constants, values }
}

/**
 * What the nodes of {@link prependPreprocessing} make of inputs.
 * @throws SettingsError when it does not fit the inputs, or makes no sense.
 */
export function preprocess({ data, shape }: Inputs, settings: Preprocessing): Inputs {
  const { channelAxis = 1 } = settings
  const perElement = elementCount(shape.slice(channelAxis + 1))
  return stepsOf(settings, shape).reduce<Inputs>(
    (inputs, { operator, operand }) => {
      const numbers = operand.data as Float32Array
      const at = (index: number) => numbers[Math.floor(index / perElement) % numbers.length]
      const apply = (value: number, index: number) => (operator === 'Sub' ? value - at(index) : value / at(index))
      return { data: inputs.data.map(apply), shape }
    },
    { data, shape },
  )
}

/** What is done to inputs of this shape, one after the other. */
function stepsOf(settings: Preprocessing, shape: readonly (number | string)[]) {
  if (!isRecord(settings as unknown)) {
    throw new SettingsError(
      `preprocessing must be an object such as { mean: 0.5, std: 0.25 }; it is ${describe(settings)}.`,
    )
  }
  const { mean, std, channelAxis = 1, ...others } = settings
  refuseUnknown('preprocessing', others)
  if (std !== undefined && [std].flat().some((value) => !(value > 0))) {
    throw new SettingsError(
      `The std of preprocessing divides the inputs and must be above 0; it is ${[std].flat().join(', ')}.`,
    )
  }
  const step = (operator: 'Sub' | 'Div', name: string, operand: number | readonly number[] | undefined) =>
    operand === undefined ? [] : [{ operator, name, operand: perChannel(operand, shape, channelAxis) }]
  return [...step('Sub', 'mean', mean), ...step('Div', 'std', std)]
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
