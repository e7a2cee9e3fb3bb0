import { crc32, deflateSync } from 'node:zlib'
import { decode, encode } from 'fast-png'
import { expect, test } from 'vitest'
import { loadSamples } from '../../src/sampling/load-samples.js'
import { randomSource } from '../../src/sampling/random.js'
import { seed } from '../seed.js'
import { expectRefusal, temporaryFolder } from './temporary-folder.js'

const folderWith = temporaryFolder()

/** A single gray pixel. */
const pixel = { width: 1, height: 1, depth: 8, type: 0 }
const gray = (...levels: number[]) =>
  encode({ width: levels.length, height: 1, channels: 1, data: Uint8Array.from(levels) })
/** Two pixels, one above the other. */
const colour = encode({ width: 1, height: 2, channels: 3, data: Uint8Array.of(255, 0, 51, 102, 204, 153) })

test('reads gray images, the classes in the order of their names', async () => {
  const folder = folderWith({
    'dog/b.png': gray(0, 51),
    'dog/a.PNG': gray(255, 0),
    'cat/z.png': gray(102, 204),
    'cat/.hidden': '',
    '.DS_Store': '',
  })
  expect(await loadSamples(folder)).toEqual({
    inputs: { data: Float32Array.of(0.4, 0.8, 1, 0, 0, 0.2), shape: [3, 1, 1, 2] },
    labels: Int32Array.of(0, 1, 1),
  })
  const { labels, inputs } = await loadSamples(folder, { classes: ['bird', 'dog', 'cat'], range: [0, 255] })
  expect(labels).toEqual(Int32Array.of(1, 1, 2))
  expect(inputs.data).toEqual(Float32Array.of(255, 0, 0, 51, 102, 204))
})

test('folders named by numbers have these classes', async () => {
  const folder = folderWith({ '10/a.png': gray(10), '2/a.png': gray(2), '009/a.png': gray(9) })
  const { labels, inputs } = await loadSamples(folder, { range: [0, 255] })
  expect(labels).toEqual(Int32Array.of(2, 9, 10))
  expect(inputs.data).toEqual(Float32Array.of(2, 9, 10))
})

test.each([
  ['as they are', {}, [3, 2, 1], [255, 102, 0, 204, 51, 153]],
  ['channels last', { layout: 'channels last' }, [2, 1, 3], [255, 0, 51, 102, 204, 153]],
  ['bgr', { color: 'bgr' }, [3, 2, 1], [51, 153, 0, 204, 255, 102]],
  ['bgr, channels last', { color: 'bgr', layout: 'channels last' }, [2, 1, 3], [51, 0, 255, 153, 204, 102]],
  // 0.299 · 255 + 0.114 · 51 = 82.06; 0.299 · 102 + 0.587 · 204 + 0.114 · 153 = 167.69
  ['gray', { color: 'gray' }, [1, 2, 1], [82, 168]],
] as const)('reads colour images %s', async (_, options, shape, levels) => {
  const { inputs } = await loadSamples(folderWith({ '0/a.png': colour }), { ...options, range: [0, 255] })
  expect(inputs).toEqual({ data: Float32Array.from(levels), shape: [1, ...shape] })
})

test('gray images become colour images only when asked', async () => {
  const folder = folderWith({
    '0/a.png': colour,
    '1/b.png': encode({ width: 1, height: 2, channels: 1, data: Uint8Array.of(9, 8) }),
  })
  await expectRefusal(folder, /b\.png: shape \[1,2,1\], but .*a\.png has \[3,2,1\]; .* need \{ color \}/)
  const { inputs } = await loadSamples(folder, { color: 'rgb', range: [0, 255] })
  expect([...inputs.data.slice(6)]).toEqual([9, 8, 9, 8, 9, 8])
})

test('reads 16 bits, opaque alpha channels, palettes and less than a byte per pixel', async () => {
  const read = async (png: Uint8Array) => [
    ...(await loadSamples(folderWith({ '0/a.png': png }), { range: [0, 15] })).inputs.data,
  ]
  const image = { width: 2, height: 1 }
  expect(await read(encode({ ...image, depth: 16, channels: 1, data: Uint16Array.of(65535, 4369) }))).toEqual([15, 1])
  expect(await read(encode({ ...image, channels: 2, data: Uint8Array.of(17, 255, 34, 255) }))).toEqual([1, 2])
  expect(await read(encode({ ...image, channels: 4, data: Uint8Array.of(17, 34, 51, 255, 68, 85, 102, 255) }))).toEqual(
    [1, 4, 2, 5, 3, 6],
  )
  const palette = Uint8Array.of(17, 34, 51, 68, 85, 102)
  expect(await read(pngFile({ ...image, depth: 1, type: 3 }, Uint8Array.of(0, 0b01000000), palette))).toEqual([
    1, 4, 2, 5, 3, 6,
  ])
  expect(await read(pngFile({ ...image, depth: 4, type: 0 }, Uint8Array.of(0, 0x1f)))).toEqual([1, 15])
})

test.each([
  ['no subfolders', {}, /no subfolders; there must be one for each class/],
  ['images outside of them', { 'a.png': gray(1) }, /a\.png: not in the subfolder of a class/],
  ['other files', { '0/a.jpg': 'JFIF' }, /a\.jpg: not a \.png file; convert/],
  ['only hidden files', { '0/.keep': '' }, /0: no images; remove the folder/],
  [
    'sizes that differ',
    { '0/a.png': gray(1, 2), '0/b.png': gray(1) },
    /b\.png: shape \[1,1,1\], but .*a\.png has \[1,1,2\]/,
  ],
  ['one class twice', { '1/a.png': gray(1), '01/a.png': gray(1) }, /two subfolders for class 1/],
  [
    'text',
    { '0/a.png': 'not an image, but long enough to be one' },
    /a\.png: not a PNG image that can be read, or a damaged one: it /,
  ],
  ['an empty file', { '0/a.png': '' }, /a\.png: not a PNG image.*it does not begin like one/],
  [
    'a cut image',
    { '0/a.png': colour.subarray(0, colour.length - 14) },
    /a\.png: not a PNG image that can be read, or a damaged one: it /,
  ],
  ['a damaged image', { '0/a.png': flipped(colour, 45) }, /the checksum of chunk IDAT is wrong/],
  [
    'a size that cannot be',
    { '0/a.png': pngFile({ ...pixel, width: 2 ** 32 - 1 }, Uint8Array.of(0, 1)) },
    /4294967295 × 1 pixels are not in it/,
  ],
  ['missing pixels', { '0/a.png': pngFile({ ...pixel, height: 2 }, Uint8Array.of(0, 1)) }, /pixels are missing/],
  ['too many pixels', { '0/a.png': pngFile(pixel, Uint8Array.of(0, 1, 2)) }, /a\.png: not a PNG image/],
  ['an unknown filter', { '0/a.png': pngFile(pixel, Uint8Array.of(5, 1)) }, /there is no filter 5/],
  [
    'an unknown type',
    { '0/a.png': pngFile({ ...pixel, type: 2, depth: 4 }, Uint8Array.of(0, 1)) },
    /no type 2 of 4 bits/,
  ],
  [
    'a colour without a palette',
    { '0/a.png': pngFile({ ...pixel, type: 3 }, Uint8Array.of(0, 1)) },
    /not in the palette/,
  ],
  ['no pixels', { '0/a.png': pngFile({ ...pixel, width: 0 }, new Uint8Array()) }, /it has 0 × 1 pixels/],
  ['interlaced images', { '0/a.png': pngFile({ ...pixel, interlacing: 1 }, Uint8Array.of(0, 1)) }, /it is interlaced/],
  [
    'transparent pixels',
    { '0/a.png': encode({ width: 1, height: 1, channels: 4, data: Uint8Array.of(1, 2, 3, 254) }) },
    /a\.png: has transparent pixels/,
  ],
])('refuses %s', async (_, files, message) => {
  await expectRefusal(folderWith(files as unknown as Record<string, Uint8Array>), message)
})

test.each([
  ['gray', 0, 8],
  ['colours', 2, 8],
  ['colours of 16 bits', 2, 16],
  ['gray of 2 bits', 0, 2],
])('reads %s as another decoder does, whatever the filters', async (_, type, depth) => {
  const random = randomSource(seed)
  const [width, height, channels] = [5, 10, type === 0 ? 1 : 3]
  const length = 1 + Math.ceil((width * depth * channels) / 8)
  const rows = Uint8Array.from({ length: height * length }, (_, index) =>
    index % length === 0 ? Math.floor(index / length) % 5 : 256 * random.uniform(),
  )
  const file = pngFile({ width, height, depth, type }, rows)
  const { data } = decode(file)
  const white = depth === 16 ? 65535 : 255
  const range = [0, white] as const
  const { inputs } = await loadSamples(folderWith({ '0/a.png': file }), { layout: 'channels last', range })
  const levels =
    depth === 2
      ? Array.from({ length: width * height }, (_, pixel) => {
          const [row, column] = [Math.floor(pixel / width), pixel % width]
          return 85 * ((data[row * (length - 1) + (column >> 2)] >> (6 - 2 * (column & 3))) & 3)
        })
      : [...data]
  expect([...inputs.data]).toEqual(levels)
})

test('refuses classes without a name, and settings that do not exist', async () => {
  const folder = folderWith({ 'cat/a.png': gray(1) })
  await expectRefusal(folder, /cat: not one of the classes dog/, { classes: ['dog'] })
  await expect(loadSamples(folder, { color: 'red' as 'rgb' })).rejects.toThrow(/color is one of gray, rgb, bgr/)
  await expect(loadSamples(folder, { layout: 'nchw' as 'channels last' })).rejects.toThrow(/layout is one of/)
  await expect(loadSamples(folder, { labels: 'y' })).rejects.toThrow(/a folder of images has no option "labels"/)
})

test('no damaged byte of an image passes or crashes', async () => {
  for (let position = 0; position < colour.length; position++) {
    await expectRefusal(folderWith({ '0/a.png': flipped(colour, position) }), /a\.png: /)
  }
})

interface Header {
  readonly width: number
  readonly height: number
  readonly depth: number
  readonly type: number
  readonly interlacing?: number
}

/** The rows as they are stored: each begins with the number of its filter. */
function pngFile({ width, height, depth, type, interlacing = 0 }: Header, rows: Uint8Array, palette?: Uint8Array) {
  const header = Uint8Array.of(...bigEndian(width), ...bigEndian(height), depth, type, 0, 0, interlacing)
  return Uint8Array.of(
    ...[0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
    ...chunk('IHDR', header),
    ...(palette ? chunk('PLTE', palette) : []),
    ...chunk('IDAT', deflateSync(rows)),
    ...chunk('IEND', new Uint8Array()),
  )
}

function chunk(name: string, data: Uint8Array): Uint8Array {
  const body = Uint8Array.of(...new TextEncoder().encode(name), ...data)
  return Uint8Array.of(...bigEndian(data.length), ...body, ...bigEndian(crc32(body)))
}

function bigEndian(value: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(4))
  view.setUint32(0, value)
  return new Uint8Array(view.buffer)
}

function flipped(bytes: Uint8Array, position: number): Uint8Array {
  return bytes.with(position, bytes[position] ^ 1)
}
