import { readFile } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { gunzipSync } from 'fflate'
import { describe } from '../arguments.js'
import { SettingsError } from '../errors.js'
import { parseProperty } from './parse-property.js'
import type { Property } from './property.js'
import { PropertyError } from './property-error.js'

/**
 * Reads a VNN-LIB file, also one compressed with gzip, as the collections of the competition are.
 * @throws PropertyError when it cannot be read or understood.
 */
export async function loadProperty(path: string): Promise<Property> {
  if (typeof path !== 'string') {
    throw new SettingsError(`loadProperty takes the path of a VNN-LIB file, but was given ${describe(path)}.`)
  }
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new PropertyError(undefined, `The property ${resolve(path)} cannot be read (${cause.code}).`, { cause })
  })
  const isCompressed = bytes[0] === 0x1f && bytes[1] === 0x8b
  return parseProperty(new TextDecoder().decode(isCompressed ? decompress(bytes, path) : bytes), basename(path, '.gz'))
}

function decompress(bytes: Uint8Array, path: string): Uint8Array {
  try {
    return gunzipSync(bytes)
  } catch (cause) {
    throw new PropertyError(undefined, `The property ${path} is damaged: it cannot be decompressed.`, { cause })
  }
}
