import type { GraphBuilder } from '../../graph/builder.js'
import { elementTypeNumbers } from '../../graph/element-types.js'
import type { ElementType, Graph, Port } from '../../graph/graph.js'
import { axesOfBatch, type FixedInput, fixInputs, inputLeft, withFixedInputs } from '../fixed-inputs.js'
import type { Value } from './layers/value.js'
import type { TfjsLibrary, TfjsTensor } from './tfjs.js'

/** An input of a model; sizes that are open are null. */
export interface NativeInput {
  readonly name: string
  readonly dtype: string
  readonly shape: readonly (number | null)[] | undefined
}

/** The inputs of a model, of which one is tested. */
export interface NativeInputs {
  readonly tested: NativeInput
  /** Tensors for all of them, in the order of the model, from samples of the one that is tested. */
  feed(samples: TfjsTensor): readonly TfjsTensor[]
  /** Whether an input has a slice for each sample. */
  hasBatch(name: string): boolean
  /** Declares an input in a translation, which {@link complete} makes one of a single input. */
  declare(builder: GraphBuilder, name: string, featureShape: readonly number[]): Value
  complete(graph: Graph): Graph
}

const types: readonly string[] = ['float32', 'int32', 'bool'] satisfies ElementType[]

/**
 * @param given What the inputs always get that are not tested.
 * @throws ModelError unless one is left to test, SettingsError for what does not fit the others.
 */
export function nativeInputs(
  tf: TfjsLibrary,
  inputs: readonly NativeInput[],
  given: Readonly<Record<string, FixedInput>> | undefined,
): NativeInputs {
  const ports = inputs.map(
    ({ name, dtype, shape }): Port => ({
      name,
      ...(types.includes(dtype) && { type: dtype as ElementType }),
      ...(shape && { shape: shape.map((size) => size ?? '?') }),
    }),
  )
  const fixed = fixInputs({ inputs: ports }, given)
  const { name: left } = inputLeft(ports.filter(({ name }) => !fixed.has(name)))
  const testedName = 'input'
  // No other value of a translation has such a name.
  const renamed = (name: string) => `fixed:${name}`
  return {
    tested: inputs.find(({ name }) => name === left)!,
    feed: (samples) =>
      ports.map((port) => {
        const tensor = fixed.get(port.name)
        if (!tensor) return samples
        const { data, shape, type } = tensor
        const follows = axesOfBatch(port, tensor)
        return tf.tile(
          tf.tensor(data, shape, type),
          shape.map((_, axis) => (follows.includes(axis) ? samples.shape[0] : 1)),
        )
      }),
    hasBatch: (name) => {
      const tensor = fixed.get(name)
      return !tensor || axesOfBatch(ports.find((port) => port.name === name)!, tensor).includes(0)
    },
    declare: (builder, name, featureShape) => {
      const tensor = fixed.get(name)
      if (!tensor)
        return { shape: featureShape, last: builder.input(testedName, 'float32', ['batch', ...featureShape]) }
      const shape = tensor.shape.slice(1)
      const last = builder.input(renamed(name), tensor.type, ['batch', ...shape])
      // Numbers are floats in a translation.
      return {
        shape,
        last: tensor.type === 'int32' ? builder.add('Cast', [last], { to: elementTypeNumbers.float32 }) : last,
      }
    },
    complete: (graph) =>
      withFixedInputs(
        { ...graph, inputs: graph.inputs.filter(({ name }) => name === testedName) },
        ports.map((port) => ({ ...port, name: renamed(port.name) })),
        new Map([...fixed].map(([name, tensor]) => [renamed(name), tensor])),
      ),
  }
}
