import { basename, extname } from 'node:path'
import { type NpyArray, parse } from 'npyjs'
import { SampleError, SettingsError } from '../../errors.js'
import type { Inputs, Samples } from '../samples.js'
import { messageOf, readBytes, type SampleFormat, toLabels } from './format.js'

/** NumPy arrays as `numpy.save` writes them: the inputs, with labels and targets in files of their own. */
export const npy: SampleFormat = {
  name: 'an .npy file',
  options: ['labels', 'targets'],
  read: async (path, { labels, targets }) => {
    if (typeof labels === 'number') {
      throw new SettingsError(
        `The option labels is ${labels}, but of an .npy file it is the path of another .npy file.`,
      )
    }
    const read = async (file: string) =>
      ({ path: file, name: basename(file, extname(file)), bytes: await readBytes(file) }) as const
    return samplesOf({
      inputs: await read(path),
      ...(labels !== undefined && { labels: await read(labels) }),
      ...(targets !== undefined && { targets: await read(targets) }),
    })
  },
}

/** An array in NumPy's format, and what to call it. */
export interface EncodedArray {
  readonly path: string
  readonly name: string
  readonly bytes: Uint8Array
}

/** @throws SampleError when an array is damaged, of a type that is not read, or does not fit the inputs. */
export function samplesOf(arrays: {
  readonly inputs: EncodedArray
  readonly labels?: EncodedArray
  readonly targets?: EncodedArray
}): Samples {
  const inputs = readBatch(arrays.inputs)
  const [count] = inputs.shape
  const targets = arrays.targets && readBatch(arrays.targets)
  if (targets && targets.shape[0] !== count) {
    const { path, name } = arrays.targets!
    throw new SampleError(`${path}: ${name} has ${targets.shape[0]} entries for ${count} ${arrays.inputs.name}`)
  }
  const labels = arrays.labels && readLabels(arrays.labels, count, arrays.inputs.name)
  return { inputs, ...(targets && { targets }), ...(labels && { labels }) }
}

function readBatch(encoded: EncodedArray): Inputs {
  const { data, shape } = readArray(encoded, ['f4', 'f8', 'u1'])
  if (shape.length === 0) {
    throw new SampleError(`${encoded.path}: ${encoded.name} is a single number, not a batch`)
  }
  // Float32 is what the file has already, without another copy.
  return { data: data instanceof Float32Array ? data : Float32Array.from(data as Float64Array | Uint8Array), shape }
}

function readLabels(encoded: EncodedArray, count: number, inputsName: string): Int32Array {
  const { path, name } = encoded
  const { data, shape } = readArray(encoded, ['i4', 'i8', 'u1'])
  if (shape.length !== 1 || shape[0] !== count) {
    throw new SampleError(
      `${path}: ${name} has shape [${shape}], expected [${count}]: one label for each of the ${inputsName}`,
    )
  }
  return toLabels(`${path}: ${name}`, data as unknown as ArrayLike<number | bigint>)
}

function readArray(encoded: EncodedArray, dtypes: readonly string[]): NpyArray {
  const { path, name } = encoded
  const array = parseArray(encoded)
  if (!dtypes.includes(array.dtype)) {
    throw new SampleError(`${path}: ${name} has dtype ${array.dtype}, expected ${dtypes.join(', ')}`)
  }
  if (array.fortranOrder && array.shape.length > 1) {
    throw new SampleError(`${path}: ${name} is in Fortran order; save numpy.ascontiguousarray(${name})`)
  }
  const expected = array.shape.reduce((product, size) => product * size, 1)
  const found = (array.data as Float32Array).length
  if (found !== expected) {
    throw new SampleError(`${path}: ${name} has shape [${array.shape}] but ${found} values: the file is damaged`)
  }
  return array
}

function parseArray({ path, name, bytes }: EncodedArray): NpyArray {
  // The parser wants an ArrayBuffer that begins with the header.
  const isWhole = bytes.byteLength === bytes.buffer.byteLength
  try {
    return parse((isWhole ? bytes.buffer : new Uint8Array(bytes).buffer) as ArrayBuffer)
  } catch (cause) {
    throw new SampleError(`${path}: array ${name} cannot be read: ${messageOf(cause)}`, { cause })
  }
}
