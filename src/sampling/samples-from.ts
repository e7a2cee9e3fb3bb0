import { checkCall, refuseUnknown } from '../arguments.js'
import { SampleError } from '../errors.js'
import { elementCount } from '../graph/graph.js'
import type { Inputs, Samples } from './samples.js'

/** Numbers in lists, in lists, as deep as there are axes. */
export type NestedNumbers = number | ArrayLike<number> | readonly NestedNumbers[]

export interface SampleArrays {
  /** One entry per sample. */
  readonly inputs: readonly NestedNumbers[]
  /** One class per sample, for classifiers. */
  readonly labels?: ArrayLike<number>
  /** One output per sample, for regressors. */
  readonly targets?: readonly NestedNumbers[]
}

/**
 * Samples from plain arrays, such as `samplesFrom({ inputs: [[0.1, 0.9], [0.4, 0.2]], labels: [0, 1] })`.
 * @throws SampleError for lists of different lengths side by side, and for entries that are not finite numbers; the message
 * names the place.
 */
export function samplesFrom(arrays: SampleArrays): Samples {
  checkCall('samplesFrom({ inputs: [[0.1, 0.9], [0.4, 0.2]], labels: [0, 1] })', [arrays, 'inputs'])
  const { inputs, labels, targets, ...others } = arrays
  refuseUnknown('samplesFrom()', others)
  return {
    inputs: flatten('inputs', inputs),
    ...(labels && { labels: Int32Array.from(labels, checkLabel) }),
    ...(targets && { targets: flatten('targets', targets) }),
  }
}

function flatten(name: string, arrays: readonly NestedNumbers[]): Inputs {
  const shape = shapeOf(arrays)
  const data = new Float32Array(elementCount(shape))
  fill(data, 0, name, arrays, shape)
  return { data, shape }
}

function shapeOf(value: unknown): number[] {
  return isList(value) ? [value.length, ...shapeOf(value[0])] : []
}

function fill(data: Float32Array, start: number, place: string, value: unknown, [length, ...rest]: readonly number[]) {
  if (length === undefined) {
    if (typeof value !== 'number' || !Number.isFinite(Math.fround(value))) {
      throw new SampleError(
        `${place} is ${isList(value) ? 'a list' : String(value)}, not a number that float32 can hold.`,
      )
    }
    data[start] = value
    return
  }
  if (!isList(value) || value.length !== length) {
    throw new SampleError(
      `${place} is ${isList(value) ? `a list of ${value.length}` : String(value)}; the first of its kind is a list of ${length}.`,
    )
  }
  const size = elementCount(rest)
  for (let index = 0; index < length; index++)
    fill(data, start + index * size, `${place}[${index}]`, value[index], rest)
}

function checkLabel(label: number, index: number): number {
  if (label === (label | 0)) return label
  throw new SampleError(`labels[${index}] is ${label}, not a class number.`)
}

function isList(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && 'length' in value)
}
