import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, expect } from 'vitest'
import { SampleError } from '../../src/errors.js'
import { type LoadSamplesOptions, loadSamples } from '../../src/sampling/load-samples.js'

/** Writes files into a folder of its own, which goes away with the test file. */
export function temporaryFolder(): (files: Readonly<Record<string, string | Uint8Array>>) => string {
  const folder = mkdtempSync(join(tmpdir(), 'unfooled-samples-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  let next = 0
  return (files) => {
    const own = join(folder, String(next++))
    mkdirSync(own)
    for (const [name, contents] of Object.entries(files)) {
      mkdirSync(dirname(join(own, name)), { recursive: true })
      writeFileSync(join(own, name), contents)
    }
    return own
  }
}

/** Bad samples are refused with a message that names the file and what is wrong. */
export async function expectRefusal(path: string, message: RegExp, options: LoadSamplesOptions = {}): Promise<void> {
  const failure = await loadSamples(path, options).then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(failure).toBeInstanceOf(SampleError)
  expect((failure as Error).message).toMatch(message)
}
