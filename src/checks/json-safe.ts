/** A value that survives `JSON.stringify`. */
export type JsonSafe = null | boolean | number | string | readonly JsonSafe[] | { readonly [key: string]: JsonSafe }

type NumberArray =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array

const typedArrays: Record<string, new (values: number[]) => NumberArray> = {
  Int8Array,
  Uint8Array,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
}

/**
 * Encodes what JSON loses: NaN, ±Infinity, −0, BigInt and typed arrays become objects with a single key that begins with
 * `$`. Properties that are undefined are left out, as in JSON.
 */
export function encodeJson(value: unknown): JsonSafe {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value
  if (typeof value === 'number') return isPlainNumber(value) ? value : { $number: numberWord(value) }
  if (typeof value === 'bigint') return { $bigint: String(value) }
  if (Array.isArray(value)) return value.map((entry) => encodeJson(entry ?? null))
  if (typeof value !== 'object') throw new TypeError(`A ${typeof value} cannot be recorded.`)
  if (ArrayBuffer.isView(value)) return encodeTypedArray(value)
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined)
  return Object.fromEntries(entries.map(([key, entry]) => [escapeKey(key), encodeJson(entry)]))
}

/** The value that {@link encodeJson} was given. */
export function decodeJson(value: JsonSafe): unknown {
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) return value.map(decodeJson)
  const entries = Object.entries(value)
  if (entries.length === 1) {
    const [key, encoded] = entries[0]
    if (key === '$number') return Number(encoded)
    if (key === '$bigint') return BigInt(encoded as string)
    if (key.startsWith('$') && Object.hasOwn(typedArrays, key.slice(1))) {
      return new typedArrays[key.slice(1)]((encoded as (number | string)[]).map(Number))
    }
  }
  return Object.fromEntries(entries.map(([key, entry]) => [key.replace(/^\$\$/, '$'), decodeJson(entry)]))
}

function encodeTypedArray(array: ArrayBufferView): JsonSafe {
  // By name, because a test runner may have made the array in another realm.
  const name = Object.prototype.toString.call(array).slice('[object '.length, -1)
  if (!Object.hasOwn(typedArrays, name)) throw new TypeError(`A ${name} cannot be recorded.`)
  const values = Array.from(array as NumberArray, (entry) => (isPlainNumber(entry) ? entry : numberWord(entry)))
  return { [`$${name}`]: values }
}

function isPlainNumber(value: number): boolean {
  return Number.isFinite(value) && !Object.is(value, -0)
}

function numberWord(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value)
}

function escapeKey(key: string): string {
  return key.startsWith('$') ? `$${key}` : key
}
