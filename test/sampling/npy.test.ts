import { join } from 'node:path'
import { dump } from 'npyjs'
import { expect, test } from 'vitest'
import { loadSamples } from '../../src/sampling/load-samples.js'
import { expectRefusal, temporaryFolder } from './temporary-folder.js'

const folderWith = temporaryFolder()
const array = (...[values, shape]: Parameters<typeof dump>) => new Uint8Array(dump(values, shape))

const x = array(Float32Array.of(0, 0.5, 1, 0.25, 0.75, 0.125), [3, 2])
const inputs = { data: Float32Array.of(0, 0.5, 1, 0.25, 0.75, 0.125), shape: [3, 2] }

test('reads inputs, with labels and targets from files of their own', async () => {
  const folder = folderWith({
    'x.npy': x,
    'y.npy': array(BigInt64Array.of(2n, 0n, 1n), [3]),
    'out.npy': array(Float64Array.of(1, 2, 3), [3]),
  })
  expect(await loadSamples(join(folder, 'x.npy'))).toEqual({ inputs })
  const options = { labels: join(folder, 'y.npy'), targets: join(folder, 'out.npy') }
  expect(await loadSamples(join(folder, 'x.npy'), options)).toEqual({
    inputs,
    labels: Int32Array.of(2, 0, 1),
    targets: { data: Float32Array.of(1, 2, 3), shape: [3] },
  })
})

test.each([
  ['text', new TextEncoder().encode('0.5, 1\n'), /x\.npy: array x cannot be read/],
  ['an empty file', new Uint8Array(), /array x cannot be read/],
  ['a file cut within a value', x.subarray(0, x.length - 2), /array x cannot be read/],
  ['a file cut between values', x.subarray(0, x.length - 4), /shape \[3,2\] but 5 values: the file is damaged/],
  ['no samples', array(new Float32Array(), [0, 2]), /there are no samples/],
  ['another type', array(Int16Array.of(1, 2), [2, 1]), /x has dtype i2, expected f4, f8, u1/],
])('refuses %s', async (_, contents, message) => {
  await expectRefusal(join(folderWith({ 'x.npy': contents as Uint8Array }), 'x.npy'), message)
})

test('refuses labels that do not fit, and are not there', async () => {
  const folder = folderWith({ 'x.npy': x, 'y.npy': array(Int32Array.of(1, 2), [2]) })
  const path = join(folder, 'x.npy')
  await expectRefusal(path, /y\.npy: y has shape \[2\], expected \[3\]/, { labels: join(folder, 'y.npy') })
  await expectRefusal(path, /z\.npy: cannot be read/, { labels: join(folder, 'z.npy') })
  await expect(loadSamples(path, { labels: 1 })).rejects.toThrow(/the path of another \.npy file/)
})

test('shapes are renamed only where that reorders nothing', async () => {
  const path = join(folderWith({ 'x.npy': array(Float32Array.from({ length: 12 }), [1, 2, 3, 2]) }), 'x.npy')
  const shaped = async (featureShape: number[]) => (await loadSamples(path, { featureShape })).inputs.shape
  expect(await shaped([12])).toEqual([1, 12])
  expect(await shaped([2, 1, 3, 2])).toEqual([1, 2, 1, 3, 2])
  for (const featureShape of [[3, 2, 2], [11], [4, 3]]) {
    await expectRefusal(path, /samples have shape \[2, 3, 2\], which cannot be read as/, { featureShape })
  }
})
