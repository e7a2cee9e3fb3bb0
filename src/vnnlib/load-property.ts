import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { gunzipSync } from 'fflate'
import { parseProperty } from './parse-property.js'
import type { Property } from './property.js'
import { PropertyError } from './property-error.js'

/**
 * Reads a VNN-LIB file, also one compressed with gzip, as the collections of the competition are.
 * @throws PropertyError when it cannot be read or understood.
 */
export async function loadProperty(path: string): Promise<Property> {
  const bytes = await readFile(path).catch((cause) => {
    throw new PropertyError(undefined, `The property ${path} cannot be read: ${cause.message}`, { cause })
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
