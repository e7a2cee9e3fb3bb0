import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'

/** Reference data that is not part of the repository: results of other tools. */
export const sharedData = resolve(fileURLToPath(new URL('../..', import.meta.url)), '../shared/data')

/** CI sets UNFOOLED_REQUIRE_ORACLE, so that missing data is an error there and a skipped test elsewhere. */
export const hasSharedData = existsSync(sharedData)
if (!hasSharedData) {
  const message = `The oracle tests need reference data in ${sharedData}.`
  if (process.env.UNFOOLED_REQUIRE_ORACLE) throw new Error(message)
  console.warn(`${message} They are skipped.`)
}

export function readJson(...path: string[]) {
  return JSON.parse(readFileSync(join(sharedData, ...path), 'utf8'))
}

/** Little-endian float32 numbers, gzipped. */
export function readFloats(...path: string[]): Float32Array {
  const bytes = gunzipSync(readFileSync(join(sharedData, ...path)))
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
}
