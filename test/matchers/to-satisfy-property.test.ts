import { join } from 'node:path'
import { beforeAll, expect, test, vi } from 'vitest'
import '../../matchers/vitest.js'
import type { Classifier } from '../../src/model/classifier.js'
import { parseProperty } from '../../src/vnnlib/parse-property.js'
import { temporaryFolder } from '../sampling/temporary-folder.js'
import { thresholdModel } from './subject.js'

const folderOf = temporaryFolder()

let model: Classifier
beforeAll(async () => {
  model = await thresholdModel()
})

/** Unsafe is class 1, which begins at one half, up to some input. */
function upTo(end: number): string {
  return `
    (declare-const X_0 Real)
    (declare-const Y_0 Real)
    (declare-const Y_1 Real)
    (assert (<= 0 X_0))
    (assert (<= X_0 ${end}))
    (assert (<= Y_0 Y_1))`
}

const safe = parseProperty(upTo(0.49), 'safe.vnnlib')
const unsafe = parseProperty(upTo(0.75), 'unsafe.vnnlib')

test('passes when the property is proved, and the negation when it is violated', async () => {
  await expect(model).toSatisfyProperty(safe)
  await expect(model).not.toSatisfyProperty(unsafe)
})

test('takes the path of a file', async () => {
  await expect(model).toSatisfyProperty(join(folderOf({ 'safe.vnnlib': upTo(0.49) }), 'safe.vnnlib'))
})

test('fails with a counterexample', async () => {
  await expect(expect(model).toSatisfyProperty(unsafe, { seed: 1 })).rejects.toThrowErrorMatchingInlineSnapshot(`
    [Error: expect(model).toSatisfyProperty(unsafe.vnnlib)

    threshold.onnx violates unsafe.vnnlib: a fresh run confirms an input that meets unsafe case 1 of 1.
      input: [0.75]
      output: [-0.25, 0.25]

    Replay with { seed: 1 }.]
  `)
})

test('the negation fails with a proof', async () => {
  await expect(expect(model).not.toSatisfyProperty(safe, { seed: 1 })).rejects.toThrowErrorMatchingInlineSnapshot(`
    [Error: expect(model).not.toSatisfyProperty(safe.vnnlib)

    threshold.onnx satisfies safe.vnnlib: 1 unsafe case, excluded for all inputs (boxes bounded: 1).
    Expected: an input that does.

    Replay with { seed: 1 }.]
  `)
})

test('without time both forms are inconclusive', async () => {
  const options = { seed: 1, budget: 0 }
  for (const assertion of [expect(model), expect(model).not]) {
    await expect(assertion.toSatisfyProperty(safe, options)).rejects.toThrow(
      /Inconclusive for threshold\.onnx.*\n.*The time was up after .*, with 0 of 1 unsafe case excluded/,
    )
  }
})

test('a property of another model is inconclusive in both forms', async () => {
  const other = parseProperty(
    upTo(0.49).replace('(declare-const X_0 Real)', '(declare-const X_0 Real) (declare-const X_1 Real)'),
    'other.vnnlib',
  )
  for (const assertion of [expect(model), expect(model).not]) {
    await expect(assertion.toSatisfyProperty(other)).rejects.toThrow('other.vnnlib is about 2 inputs and 2 outputs')
  }
})

test('refuses what is no property and a file that is not there', async () => {
  await expect(expect(model).toSatisfyProperty({} as never)).rejects.toThrow('takes the path of a VNN-LIB file')
  await expect(expect(model).toSatisfyProperty('missing.vnnlib')).rejects.toThrow(
    'missing.vnnlib cannot be read (ENOENT)',
  )
  await expect(expect(model).not.toSatisfyProperty('missing.vnnlib')).rejects.toThrow('cannot be read')
})

test('of the shards of a run only the first checks a property', async () => {
  vi.stubEnv('UNFOOLED_SHARD', '2/2')
  await expect(model).toSatisfyProperty(unsafe)
  await expect(model).not.toSatisfyProperty(safe)
  vi.stubEnv('UNFOOLED_SHARD', '1/2')
  await expect(model).toSatisfyProperty(safe)
  await expect(expect(model).toSatisfyProperty(unsafe)).rejects.toThrow('violates unsafe.vnnlib')
  vi.unstubAllEnvs()
})
