import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeJson, encodeJson, type JsonSafe } from '../../src/checks/json-safe.js'
import { seed } from '../seed.js'

const overTheWire = (value: unknown) => decodeJson(JSON.parse(JSON.stringify(encodeJson(value))) as JsonSafe)

const typedArray = fc.oneof(
  fc.int8Array(),
  fc.uint8Array(),
  fc.int16Array(),
  fc.uint16Array(),
  fc.int32Array(),
  fc.uint32Array(),
  fc.float32Array(),
  fc.float64Array(),
)
const leaf = fc.oneof(fc.double(), fc.integer(), fc.bigInt(), fc.string(), fc.boolean(), fc.constant(null), typedArray)
const key = fc.oneof(fc.string(), fc.constantFrom('$number', '$$number', '$Float32Array', '$', '__proto__', 'toString'))
const { value } = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 4 }, leaf, fc.array(tie('value')), fc.dictionary(key, tie('value'))),
}))

test('what JSON loses survives the round trip', () => {
  fc.assert(
    fc.property(value, (original) => {
      expect(overTheWire(original)).toEqual(original)
    }),
    { seed, numRuns: 500 },
  )
})

test('finite numbers, strings and plain objects are as JSON writes them', () => {
  const plain = { a: [1, -2.5, 'text', null, true], b: { c: {} } }
  expect(encodeJson(plain)).toEqual(plain)
})

test('a typed array has its numbers in the open', () => {
  expect(encodeJson(Float64Array.of(1, Number.NaN, Number.NEGATIVE_INFINITY, -0))).toEqual({
    $Float64Array: [1, 'NaN', '-Infinity', '-0'],
  })
})

test('undefined is left out of objects and null in arrays', () => {
  expect(encodeJson({ a: undefined, b: [undefined] })).toEqual({ b: [null] })
})

test('what has no encoding is an error', () => {
  expect(() => encodeJson({ run: () => {} })).toThrow('A function cannot be recorded')
  expect(() => encodeJson(BigInt64Array.of(1n))).toThrow('A BigInt64Array cannot be recorded')
})
