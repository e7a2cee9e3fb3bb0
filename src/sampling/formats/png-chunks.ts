import { crc32 } from 'node:zlib'

/** What the chunks of a PNG file say. The specification is https://www.w3.org/TR/png-3/. */
export interface PngChunks {
  readonly width: number
  readonly height: number
  /** Bits per channel: 1, 2, 4, 8 or 16. */
  readonly depth: number
  /** 0: gray, 2: colour, 3: palette, 4: gray with alpha, 6: colour with alpha. */
  readonly type: number
  /** Red, green and blue of each colour. */
  readonly palette: Uint8Array
  readonly hasTransparency: boolean
  /** Still compressed. */
  readonly data: Uint8Array
}

const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]

/** Depths that each type may have. */
const depths: Readonly<Record<number, readonly number[]>> = {
  0: [1, 2, 4, 8, 16],
  2: [8, 16],
  3: [1, 2, 4, 8],
  4: [8, 16],
  6: [8, 16],
}

/** @throws Error when the file is none, is damaged, or is interlaced. */
export function readChunks(file: Uint8Array): PngChunks {
  if (!signature.every((byte, index) => file[index] === byte)) throw new Error('it does not begin like one')
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const chunks: { readonly name: string; readonly data: Uint8Array }[] = []
  for (let offset = signature.length; chunks.at(-1)?.name !== 'IEND'; ) {
    if (offset + 12 > file.length) throw new Error('it ends too early')
    const length = view.getUint32(offset)
    const end = offset + 8 + length
    if (end + 4 > file.length) throw new Error('it ends too early')
    const name = String.fromCharCode(...file.subarray(offset + 4, offset + 8))
    if (view.getUint32(end) !== crc32(file.subarray(offset + 4, end))) {
      throw new Error(`the checksum of chunk ${name} is wrong`)
    }
    chunks.push({ name, data: file.subarray(offset + 8, end) })
    offset = end + 4
  }
  const all = (wanted: string) => chunks.filter(({ name }) => name === wanted).map(({ data }) => data)
  return {
    ...readHeader(chunks[0].name === 'IHDR' ? chunks[0].data : new Uint8Array()),
    palette: all('PLTE')[0] ?? new Uint8Array(),
    hasTransparency: all('tRNS').length > 0,
    data: Buffer.concat(all('IDAT')),
  }
}

function readHeader(data: Uint8Array): Pick<PngChunks, 'width' | 'height' | 'depth' | 'type'> {
  if (data.length !== 13) throw new Error('it has no header')
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  const [width, height] = [view.getUint32(0), view.getUint32(4)]
  const [depth, type, compression, filter, interlacing] = data.subarray(8)
  if (width === 0 || height === 0) throw new Error(`it has ${width} × ${height} pixels`)
  if (!depths[type]?.includes(depth) || compression !== 0 || filter !== 0) {
    throw new Error(`there is no type ${type} of ${depth} bits`)
  }
  if (interlacing !== 0) throw new Error('it is interlaced; save it without interlacing')
  return { width, height, depth, type }
}
