import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { zipSync } from 'fflate'
import { dump } from 'npyjs'
import { expect, test } from 'vitest'
import { SampleError, SettingsError } from '../../src/errors.js'
import { loadSamples } from '../../src/sampling/load-samples.js'
import type { Samples } from '../../src/sampling/samples.js'
import { temporaryFolder } from './temporary-folder.js'

const folderWith = temporaryFolder()
const array = (...[values, shape]: Parameters<typeof dump>) => new Uint8Array(dump(values, shape))

const path = join(folderWith({}), 'samples.npz')
const entries = {
  'x.npy': array(Float32Array.of(0.5, 0.25, 1, 0), [2, 2]),
  'y.npy': array(Int32Array.of(1, 0), [2]),
}

test.each([
  ['stored', 0],
  ['compressed', 9],
] as const)('no changed byte of a %s file changes a sample unnoticed', async (_, level) => {
  const file = zipSync(entries, { level })
  writeFileSync(path, file)
  const whole = await loadSamples(path)
  expect(whole.labels).toEqual(Int32Array.of(1, 0))
  let refused = 0
  for (let position = 0; position < file.length; position++) {
    for (const bit of [1, 0x80]) {
      writeFileSync(path, file.with(position, file[position] ^ bit))
      const found: Samples | Error = await loadSamples(path).catch((error: Error) => error)
      if (found instanceof Error) expect(found).toBeInstanceOf(SampleError)
      else expect(found.inputs).toEqual(whole.inputs)
      refused += found instanceof Error ? 1 : 0
    }
  }
  // Every number of the inputs and the labels, at least.
  expect(refused).toBeGreaterThan(2 * 24)
})

test('an array is named by its name', async () => {
  writeFileSync(path, zipSync(entries))
  await expect(loadSamples(path, { labels: -1 })).rejects.toThrow(SampleError)
  await expect(loadSamples(path, { range: [0, 1] })).rejects.toThrow(SettingsError)
})
