import { open, stat } from 'node:fs/promises'
import { extname } from 'node:path'
import { describe, settingsOf } from '../arguments.js'
import { SampleError, SettingsError } from '../errors.js'
import { elementCount } from '../graph/graph.js'
import { csv } from './formats/csv.js'
import { type LoadSamplesOptions, readingOf, type SampleFormat } from './formats/format.js'
import { idx, looksLikeIdx } from './formats/idx.js'
import { imageFolder } from './formats/image-folder.js'
import { npy } from './formats/npy.js'
import { npz } from './formats/npz.js'
import type { Inputs, Samples } from './samples.js'

export type { LoadSamplesOptions } from './formats/format.js'

/**
 * Reads inputs, and labels or target outputs, from a NumPy `.npz` or `.npy` file, a `.csv` or `.tsv` file, an IDX file as of
 * MNIST (also `.gz`), or a folder with a subfolder of PNG images for each class.
 * @throws SampleError when anything is wrong with the samples: the message names the file and the place in it.
 * @throws SettingsError for options that make no sense, or that the format does not have.
 */
export async function loadSamples(path: string, options: LoadSamplesOptions = {}): Promise<Samples> {
  if (typeof path !== 'string') {
    throw new SettingsError(`loadSamples takes the path of a file or a folder, but was given ${describe(path)}.`)
  }
  settingsOf('loadSamples', options, "'samples.csv', { featureShape: [1, 28, 28] }")
  const format = await formatOf(path)
  checkOptions(format, options)
  const samples = await format.read(path, options)
  if (samples.inputs.shape[0] === 0) throw new SampleError(`${path}: there are no samples in it`)
  if (!options.featureShape) return samples
  return { ...samples, inputs: reshape(path, samples.inputs, options.featureShape) }
}

const formatsByExtension: Readonly<Record<string, SampleFormat>> = {
  '.npz': npz,
  '.npy': npy,
  '.csv': csv,
  '.tsv': csv,
}

async function formatOf(path: string): Promise<SampleFormat> {
  const info = await readingOf(path, stat(path))
  if (info.isDirectory()) return imageFolder
  if (!info.isFile()) throw new SampleError(`${path}: neither a file nor a folder`)
  const known = formatsByExtension[extname(path).toLowerCase()]
  if (known) return known
  const start = await firstBytes(path)
  if (looksLikeIdx(start)) return idx
  throw new SampleError(
    `${path}: not of a format that is read, which are .npz, .npy, .csv and .tsv files, IDX files (also .gz), and folders of PNG images`,
  )
}

async function firstBytes(path: string): Promise<Uint8Array> {
  const file = await readingOf(path, open(path))
  try {
    const { buffer, bytesRead } = await readingOf(path, file.read(new Uint8Array(4), 0, 4))
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

function checkOptions(format: SampleFormat, options: LoadSamplesOptions): void {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || name === 'featureShape') continue
    if (!(format.options as readonly string[]).includes(name)) {
      throw new SettingsError(
        `${format.name} has no option "${name}"; it has ${[...format.options, 'featureShape'].join(', ')}.`,
      )
    }
  }
}

/** Names the axes anew, where that reorders nothing. */
function reshape(path: string, { data, shape }: Inputs, wanted: readonly number[]): Inputs {
  const features = shape.slice(1)
  const withoutOnes = (sizes: readonly number[]) => sizes.filter((size) => size !== 1)
  const [found, asked] = [withoutOnes(features), withoutOnes(wanted)]
  const isFlat = found.length <= 1 || asked.length <= 1
  const isAlike = isFlat ? elementCount(features) === elementCount(wanted) : String(found) === String(asked)
  if (isAlike) return { data, shape: [shape[0], ...wanted] }
  throw new SampleError(
    `${path}: samples have shape [${features.join(', ')}], which cannot be read as [${wanted.join(', ')}] without reordering or inventing numbers`,
  )
}
