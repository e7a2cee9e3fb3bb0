import { crc32 } from 'node:zlib'
import { unzipSync } from 'fflate'
import { SampleError } from '../../errors.js'
import { messageOf, readBytes, type SampleFormat } from './format.js'
import { type EncodedArray, samplesOf } from './npy.js'
import { zipChecksums } from './zip-checksums.js'

/** NumPy archives as `numpy.savez` and `numpy.savez_compressed` write them. */
export const npz: SampleFormat = {
  name: 'an .npz file',
  options: ['inputs', 'labels', 'targets'],
  read: async (path, options) => {
    const archive = openArchive(path, await readBytes(path))
    const inputs = archive.find(options.inputs, ['inputs', 'x', 'images'])
    if (inputs === undefined) {
      throw new SampleError(
        `${path}: no array named inputs, x or images; the file has ${archive.names.join(', ') || 'none'}. Name it with { inputs }.`,
      )
    }
    const targets = archive.find(options.targets, ['targets'])
    const labels = archive.find(options.labels?.toString(), ['labels', 'y'])
    return samplesOf({
      inputs: archive.extract(inputs),
      ...(targets !== undefined && { targets: archive.extract(targets) }),
      ...(labels !== undefined && { labels: archive.extract(labels) }),
    })
  },
}

interface Archive {
  readonly names: readonly string[]
  /** The array of that name, which must exist; without a name, the first of the usual ones that exists. */
  find(wanted: string | undefined, usual: readonly string[]): string | undefined
  /** Unpacks one array: the others, which may be large, are left alone. */
  extract(name: string): EncodedArray
}

function openArchive(path: string, file: Uint8Array): Archive {
  const checksums = zipChecksums(file)
  const entries: string[] = []
  unzip(path, file, (entry) => {
    entries.push(entry)
    return false
  })
  const names = entries.map((entry) => entry.replace(/\.npy$/, ''))
  return {
    names,
    find(wanted, usual) {
      if (wanted === undefined) return usual.find((name) => entries.includes(`${name}.npy`))
      if (!entries.includes(`${wanted}.npy`)) {
        throw new SampleError(`${path}: no array named ${wanted}; the file has ${names.join(', ') || 'none'}`)
      }
      return wanted
    },
    extract(name) {
      const bytes = unzip(path, file, (entry) => entry === `${name}.npy`)[`${name}.npy`]!
      const checksum = checksums.get(`${name}.npy`)
      if (checksum !== undefined && checksum !== crc32(bytes)) {
        throw new SampleError(`${path}: array ${name} is damaged: its checksum is wrong`)
      }
      return { path, name, bytes }
    },
  }
}

function unzip(path: string, file: Uint8Array, filter: (entry: string) => boolean): Record<string, Uint8Array> {
  try {
    return unzipSync(file, { filter: ({ name }) => filter(name) })
  } catch (cause) {
    throw new SampleError(`${path}: not an .npz file, or a damaged one: ${messageOf(cause)}`, { cause })
  }
}
