import { readFile } from 'node:fs/promises'
import { unzipSync } from 'fflate'
import { type NpyArray, parse } from 'npyjs'
import { SampleError } from '../errors.js'
import type { Inputs, Samples } from './samples.js'

export interface LoadSamplesOptions {
  /** Name of the array with the inputs; by default the first of `inputs`, `x`, `images` that exists. */
  inputs?: string
  /** Name of the array with the labels; by default `labels` or `y`, and none when neither exists. */
  labels?: string
  /** Name of the array with the outputs that would be right; by default `targets`, and none when it does not exist. */
  targets?: string
}

/** Reads inputs, and labels or target outputs, from a NumPy `.npz` file, as `numpy.savez` and `numpy.savez_compressed` write it. */
export async function loadSamples(path: string, options: LoadSamplesOptions = {}): Promise<Samples> {
  const file = await readFile(path).catch((cause: unknown) => {
    throw new SampleError(`${path}: cannot be read: ${messageOf(cause)}`, { cause })
  })
  const entries = unzip(path, file)
  const inputsName = arrayName(path, entries, options.inputs, ['inputs', 'x', 'images'])
  if (inputsName === undefined) {
    const names = Object.keys(entries).map((name) => name.replace(/\.npy$/, ''))
    throw new SampleError(
      `${path}: no array named inputs, x or images; the file has ${names.join(', ') || 'none'}. Name it with { inputs }.`,
    )
  }
  const inputs = readBatch(path, inputsName, entries)
  const targetsName = arrayName(path, entries, options.targets, ['targets'])
  const targets = targetsName === undefined ? undefined : readBatch(path, targetsName, entries)
  if (targets && targets.shape[0] !== inputs.shape[0]) {
    throw new SampleError(
      `${path}: ${targetsName} has ${targets.shape[0]} entries for ${inputs.shape[0]} ${inputsName}`,
    )
  }
  const samples = { inputs, ...(targets && { targets }) }

  const labelsName = arrayName(path, entries, options.labels, ['labels', 'y'])
  if (labelsName === undefined) return samples
  const labels = readArray(path, labelsName, entries, ['i4', 'i8', 'u1'])
  if (labels.shape.length !== 1 || labels.shape[0] !== inputs.shape[0]) {
    throw new SampleError(
      `${path}: ${labelsName} has shape [${labels.shape}], expected [${inputs.shape[0]}]: one label for each of the ${inputsName}`,
    )
  }
  return { ...samples, labels: toInt32(path, labelsName, labels.data) }
}

function readBatch(path: string, name: string, entries: Record<string, Uint8Array>): Inputs {
  const { data, shape } = readArray(path, name, entries, ['f4', 'f8', 'u1'])
  if (shape.length === 0) throw new SampleError(`${path}: ${name} is a single number, not a batch`)
  return { data: toFloat32(data), shape }
}

function unzip(path: string, file: Uint8Array): Record<string, Uint8Array> {
  try {
    return unzipSync(file)
  } catch (cause) {
    throw new SampleError(`${path}: not an .npz file, or a damaged one: ${messageOf(cause)}`, { cause })
  }
}

function arrayName(path: string, entries: object, wanted: string | undefined, usual: string[]): string | undefined {
  if (wanted === undefined) return usual.find((name) => Object.hasOwn(entries, `${name}.npy`))
  if (!Object.hasOwn(entries, `${wanted}.npy`)) throw new SampleError(`${path}: no array named ${wanted}`)
  return wanted
}

function readArray(path: string, name: string, entries: Record<string, Uint8Array>, dtypes: string[]): NpyArray {
  const array = parseArray(path, name, entries[`${name}.npy`]!)
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

function parseArray(path: string, name: string, bytes: Uint8Array): NpyArray {
  try {
    // A copy: the parser wants an ArrayBuffer that begins with the header.
    return parse(new Uint8Array(bytes).buffer)
  } catch (cause) {
    throw new SampleError(`${path}: array ${name} cannot be read: ${messageOf(cause)}`, { cause })
  }
}

function toFloat32(data: ArrayBufferView): Float32Array {
  return Float32Array.from(data as Float32Array)
}

function toInt32(path: string, name: string, data: ArrayBufferView): Int32Array {
  return Int32Array.from(data as unknown as ArrayLike<number | bigint>, (label) => {
    if (Number(label) !== (Number(label) | 0))
      throw new SampleError(`${path}: ${name} has ${label}, not a class number`)
    return Number(label)
  })
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
