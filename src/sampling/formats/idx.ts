import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { SampleError, SettingsError } from '../../errors.js'
import { type LoadSamplesOptions, messageOf, readBytes, type SampleFormat, toLabels } from './format.js'
import { inRange } from './range.js'

/** IDX, the format of the MNIST files, also compressed with gzip: the inputs, with the labels in a file of their own. */
export const idx: SampleFormat = {
  name: 'an IDX file',
  options: ['labels', 'range'],
  read: async (path, { labels: labelsPath, range }) => {
    if (typeof labelsPath === 'number') {
      throw new SettingsError(
        `The option labels is ${labelsPath}, but of an IDX file it is the path of another IDX file.`,
      )
    }
    const inputs = readInputs(path, await readArray(path), range)
    if (labelsPath === undefined) return { inputs }
    const { values, shape, type } = await readArray(labelsPath)
    const [count] = inputs.shape
    if (shape.length !== 1 || shape[0] !== count) {
      throw new SampleError(`${labelsPath}: shape [${shape}], expected [${count}]: one label for each of the inputs`)
    }
    if (type.isFloat) throw new SampleError(`${labelsPath}: labels are whole numbers, but these are ${type.name}`)
    return { inputs, labels: toLabels(labelsPath, values) }
  },
}

/** Whether a file may be of this format, by its first four bytes. */
export function looksLikeIdx(start: Uint8Array): boolean {
  return isGzip(start) || (start[0] === 0 && start[1] === 0 && types.has(start[2]))
}

interface NumberType {
  readonly name: string
  readonly bytes: number
  readonly isFloat?: boolean
  read(view: DataView, offset: number): number
}

// All numbers are big-endian.
const types = new Map<number, NumberType>([
  [0x08, { name: 'unsigned bytes', bytes: 1, read: (view, offset) => view.getUint8(offset) }],
  [0x09, { name: 'signed bytes', bytes: 1, read: (view, offset) => view.getInt8(offset) }],
  [0x0b, { name: '16-bit integers', bytes: 2, read: (view, offset) => view.getInt16(offset) }],
  [0x0c, { name: '32-bit integers', bytes: 4, read: (view, offset) => view.getInt32(offset) }],
  [0x0d, { name: '32-bit floats', bytes: 4, isFloat: true, read: (view, offset) => view.getFloat32(offset) }],
  [0x0e, { name: '64-bit floats', bytes: 8, isFloat: true, read: (view, offset) => view.getFloat64(offset) }],
])

interface IdxArray {
  readonly type: NumberType
  readonly shape: readonly number[]
  readonly values: Float64Array | Float32Array | Uint8Array
}

function readInputs(path: string, { type, values, shape }: IdxArray, range: LoadSamplesOptions['range']) {
  if (values instanceof Uint8Array) return { data: inRange(values, 255, range), shape }
  if (range === undefined) return { data: Float32Array.from(values), shape }
  throw new SettingsError(`The option range is for bytes, but ${path} has ${type.name}: leave it out.`)
}

async function readArray(path: string): Promise<IdxArray> {
  const bytes = await unpack(path, await readBytes(path))
  const type = bytes[0] === 0 && bytes[1] === 0 ? types.get(bytes[2]) : undefined
  const axes = bytes[3]
  const header = 4 + 4 * axes
  if (!type || axes === 0 || bytes.length < header) {
    throw new SampleError(
      `${path}: not an IDX file, or a damaged one: it begins with ${bytes.length < 4 ? `only ${bytes.length} bytes` : `the bytes ${bytes.subarray(0, 4).join(', ')}`}`,
    )
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const shape = Array.from({ length: axes }, (_, axis) => view.getUint32(4 + 4 * axis))
  const count = shape.reduce((product, size) => product * size, 1)
  if (bytes.length !== header + count * type.bytes) {
    throw new SampleError(
      `${path}: shape [${shape}] of ${type.name} needs ${header + count * type.bytes} bytes, but the file has ${bytes.length}: it is damaged`,
    )
  }
  if (type.name === 'unsigned bytes') return { type, shape, values: bytes.subarray(header) }
  const values = type.isFloat && type.bytes === 4 ? new Float32Array(count) : new Float64Array(count)
  for (let index = 0; index < count; index++) values[index] = type.read(view, header + index * type.bytes)
  return { type, shape, values }
}

async function unpack(path: string, file: Uint8Array): Promise<Uint8Array> {
  if (!isGzip(file)) return file
  try {
    return await promisify(gunzip)(file)
  } catch (cause) {
    throw new SampleError(`${path}: a damaged .gz file: ${messageOf(cause)}`, { cause })
  }
}

function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b
}
