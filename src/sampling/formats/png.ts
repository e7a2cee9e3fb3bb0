import { inflateSync } from 'node:zlib'
import { SampleError } from '../../errors.js'
import { messageOf } from './format.js'
import { type PngChunks, readChunks } from './png-chunks.js'

// Written here because the libraries for it are ES modules, which Jest does not load, or, as pngjs does, read images that
// lack pixels, and work for minutes on a file of a few bytes whose header claims 30 000 × 30 000 of them.

/** Pixels row by row, the channels of a pixel side by side. */
export interface Image {
  readonly width: number
  readonly height: number
  readonly channels: 1 | 3
  readonly data: Uint8Array | Uint16Array
  /** The value of white: 255, or 65535. */
  readonly white: number
}

/** @throws SampleError when it is damaged, interlaced, or has transparent pixels. */
export function decodePng(path: string, file: Uint8Array): Image {
  try {
    const chunks = readChunks(file)
    return imageOf(path, chunks, unfilter(chunks))
  } catch (cause) {
    if (cause instanceof SampleError) throw cause
    throw new SampleError(`${path}: not a PNG image that can be read, or a damaged one: ${messageOf(cause)}`, { cause })
  }
}

/** Numbers per pixel, as they are stored. */
const storedChannels: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }

/** Decompresses the rows, each of which is stored as differences from its neighbours. */
function unfilter({ width, height, depth, type, data }: PngChunks): Uint8Array {
  const rowLength = Math.ceil((width * depth * storedChannels[type]) / 8)
  const length = height * (rowLength + 1)
  // Deflate packs at most 1032 bytes into one: makes no room for what cannot be there.
  if (length > 1032 * (data.length + 1)) throw new Error(`${width} × ${height} pixels are not in it`)
  const stored = inflateSync(data, { maxOutputLength: length })
  if (stored.length !== length) throw new Error('pixels are missing')
  const step = Math.ceil((depth * storedChannels[type]) / 8)
  const rows = new Uint8Array(height * rowLength)
  for (let row = 0; row < height; row++) {
    const from = row * (rowLength + 1)
    const filter = filters[stored[from]]
    if (!filter) throw new Error(`there is no filter ${stored[from]}`)
    for (let index = 0; index < rowLength; index++) {
      const at = row * rowLength + index
      const left = index < step ? 0 : rows[at - step]
      const above = row === 0 ? 0 : rows[at - rowLength]
      const aboveLeft = index < step || row === 0 ? 0 : rows[at - rowLength - step]
      // Storing in bytes takes the sum modulo 256.
      rows[at] = stored[from + 1 + index] + filter(left, above, aboveLeft)
    }
  }
  return rows
}

/** What is added again to each byte, by the number of the filter. */
const filters: readonly ((left: number, above: number, aboveLeft: number) => number)[] = [
  () => 0,
  (left) => left,
  (_, above) => above,
  (left, above) => (left + above) >> 1,
  paeth,
]

/** The neighbour that is closest to left + above − aboveLeft. */
function paeth(left: number, above: number, aboveLeft: number): number {
  const [toLeft, toAbove] = [Math.abs(above - aboveLeft), Math.abs(left - aboveLeft)]
  const toAboveLeft = Math.abs(left + above - 2 * aboveLeft)
  if (toLeft <= toAbove && toLeft <= toAboveLeft) return left
  return toAbove <= toAboveLeft ? above : aboveLeft
}

/** Looks up colours of a palette, and leaves out opacity that says nothing. */
function imageOf(path: string, chunks: PngChunks, rows: Uint8Array): Image {
  const { width, height, depth, type, palette, hasTransparency } = chunks
  const stored = storedChannels[type]
  const white = depth === 16 ? 65535 : 255
  const channels = type === 0 || type === 4 ? 1 : 3
  const read = readerOf(rows, { depth, rowLength: rows.length / height })
  const scale = type === 3 ? 1 : white / (2 ** depth - 1)
  const data = new (depth === 16 ? Uint16Array : Uint8Array)(width * height * channels)
  for (let pixel = 0; pixel < width * height; pixel++) {
    const [row, first] = [Math.floor(pixel / width), (pixel % width) * stored]
    const isTransparent = hasTransparency || (stored % 2 === 0 && read(row, first + stored - 1) !== white)
    if (isTransparent) throw new SampleError(`${path}: has transparent pixels; save it without transparency`)
    const colour = 3 * read(row, first)
    if (type === 3 && colour + 3 > palette.length) throw new Error('a colour is not in the palette')
    for (let channel = 0; channel < channels; channel++) {
      data[pixel * channels + channel] = type === 3 ? palette[colour + channel] : scale * read(row, first + channel)
    }
  }
  return { width, height, channels, data, white }
}

/** Reads the number at a position in a row; small ones share a byte, the first in its highest bits. */
function readerOf(rows: Uint8Array, { depth, rowLength }: { readonly depth: number; readonly rowLength: number }) {
  return (row: number, position: number): number => {
    const at = row * rowLength
    if (depth === 8) return rows[at + position]
    if (depth === 16) return 256 * rows[at + 2 * position] + rows[at + 2 * position + 1]
    const bit = position * depth
    return (rows[at + (bit >> 3)] >> (8 - depth - (bit & 7))) & (2 ** depth - 1)
  }
}
