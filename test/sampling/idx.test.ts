import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { loadSamples } from '../../src/sampling/load-samples.js'
import { expectRefusal, temporaryFolder } from './temporary-folder.js'

const folderWith = temporaryFolder()

/** Two images of 1 × 3 pixels. */
const images = idxFile(0x08, [2, 1, 3], Uint8Array.of(0, 51, 255, 102, 204, 0))
const labels = idxFile(0x08, [2], Uint8Array.of(7, 2))

test.each([
  ['plain', images, labels],
  ['compressed', new Uint8Array(gzipSync(images)), new Uint8Array(gzipSync(labels))],
])('reads %s files of bytes as numbers from 0 to 1, with labels from a file of their own', async (_, x, y) => {
  const folder = folderWith({ 'train-images-idx3-ubyte': x, 'train-labels-idx1-ubyte': y })
  const samples = await loadSamples(join(folder, 'train-images-idx3-ubyte'), {
    labels: join(folder, 'train-labels-idx1-ubyte'),
    featureShape: [1, 1, 3],
  })
  expect(samples).toEqual({
    inputs: { data: Float32Array.of(0, 0.2, 1, 0.4, 0.8, 0), shape: [2, 1, 1, 3] },
    labels: Int32Array.of(7, 2),
  })
})

test('bytes are moved to the range', async () => {
  const path = join(folderWith({ x: images }), 'x')
  const read = async (range: [number, number]) => (await loadSamples(path, { range })).inputs.data
  expect(await read([0, 255])).toEqual(Float32Array.of(0, 51, 255, 102, 204, 0))
  expect(await read([-1, 1])).toEqual(Float32Array.of(-1, -0.6, 1, -0.2, 0.6, -1))
  for (const range of [
    [1, 1],
    [0, Number.NaN],
  ] as const) {
    await expect(loadSamples(path, { range })).rejects.toThrow(/two finite numbers in ascending order/)
  }
})

test.each([
  ['signed bytes', 0x09, Uint8Array.of(0xff, 2)],
  ['16-bit integers', 0x0b, Uint8Array.of(0xff, 0xff, 0, 2)],
  ['32-bit integers', 0x0c, Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 2)],
  ['32-bit floats', 0x0d, Uint8Array.of(0xbf, 0x80, 0, 0, 0x40, 0, 0, 0)],
  ['64-bit floats', 0x0e, Uint8Array.of(0xbf, 0xf0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0)],
])('reads %s as they are', async (_, type, bytes) => {
  const path = join(folderWith({ x: idxFile(type, [2, 1], bytes) }), 'x')
  expect((await loadSamples(path)).inputs).toEqual({ data: Float32Array.of(-1, 2), shape: [2, 1] })
  await expect(loadSamples(path, { range: [0, 1] })).rejects.toThrow(/range is for bytes/)
})

test.each([
  ['a file that is cut', images.subarray(0, images.length - 1), /needs 22 bytes, but the file has 21: it is damaged/],
  ['a file that goes on', Uint8Array.of(...images, 0), /needs 22 bytes, but the file has 23/],
  ['a cut header', images.subarray(0, 10), /not an IDX file, or a damaged one/],
  [
    'sizes beyond all bounds',
    idxFile(0x0e, [2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1], new Uint8Array()),
    /it is damaged/,
  ],
  ['no axes', Uint8Array.of(0, 0, 8, 0, 1), /not an IDX file, or a damaged one/],
  ['no samples', idxFile(0x08, [0, 3], new Uint8Array()), /there are no samples/],
  ['another format', new TextEncoder().encode('hello'), /not of a format that is read, which are \.npz, /],
  ['an empty file', new Uint8Array(), /not of a format that is read/],
  ['a cut .gz file', new Uint8Array(gzipSync(images)).subarray(0, 20), /a damaged \.gz file/],
  ['a damaged .gz file', damaged(new Uint8Array(gzipSync(images))), /a damaged \.gz file/],
  ['another format in a .gz file', new Uint8Array(gzipSync('hello')), /begins with the bytes 104, 101/],
])('refuses %s', async (_, contents, message) => {
  await expectRefusal(join(folderWith({ x: contents as Uint8Array }), 'x'), message)
})

test('refuses labels that do not fit', async () => {
  const folder = folderWith({
    x: images,
    three: idxFile(0x08, [3], Uint8Array.of(0, 1, 2)),
    floats: idxFile(0x0d, [2], new Uint8Array(8)),
  })
  const path = join(folder, 'x')
  await expectRefusal(path, /three: shape \[3\], expected \[2\]/, { labels: join(folder, 'three') })
  await expectRefusal(path, /x: shape \[2,1,3\], expected \[2\]/, { labels: path })
  await expectRefusal(path, /floats: labels are whole numbers/, { labels: join(folder, 'floats') })
  await expect(loadSamples(path, { labels: -1 })).rejects.toThrow(/the path of another IDX file/)
})

function idxFile(type: number, shape: readonly number[], bytes: Uint8Array): Uint8Array {
  const header = new DataView(new ArrayBuffer(4 + 4 * shape.length))
  header.setUint8(2, type)
  header.setUint8(3, shape.length)
  shape.forEach((size, axis) => header.setUint32(4 + 4 * axis, size))
  return Uint8Array.of(...new Uint8Array(header.buffer), ...bytes)
}

/** The checksum at the end no longer fits. */
function damaged(bytes: Uint8Array): Uint8Array {
  return bytes.with(bytes.length - 6, bytes[bytes.length - 6] ^ 1)
}
