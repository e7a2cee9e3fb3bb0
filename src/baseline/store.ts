import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Baseline } from './baseline.js'
import { BaselineError } from './baseline-error.js'
import { formatBaseline, parseBaseline } from './format.js'

/** Most characters of a file name that come from the name of a check. */
const longestName = 100

/** Where the baseline of a check is kept, relative to the folder of its test file. */
export function baselineFile(testFile: string, check: string): string {
  const name = check
    .replace(/[^\p{Letter}\p{Number}._-]+/gu, '-')
    .replace(/^[.-]+|[.-]+$/g, '')
    .slice(0, longestName)
  return join('__robustness__', basename(testFile), `${name || 'baseline'}.json`).replaceAll('\\', '/')
}

/**
 * The stored baseline; undefined where there is none.
 * @throws BaselineError when the file cannot be read.
 */
export function readBaseline(testFile: string, file: string): Baseline | undefined {
  let text: string
  try {
    text = readFileSync(join(dirname(testFile), file), 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new BaselineError(`The baseline cannot be read: ${(cause as Error).message}`, { cause })
  }
  return parseBaseline(text)
}

/**
 * Writes a whole file or none; of several that are written at the same time one stays.
 * @throws BaselineError when it cannot be written.
 */
export function writeBaseline(testFile: string, file: string, baseline: Baseline): void {
  const path = join(dirname(testFile), file)
  const unfinished = `${path}.${randomUUID()}.tmp`
  try {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(unfinished, formatBaseline(baseline))
    renameSync(unfinished, path)
  } catch (cause) {
    rmSync(unfinished, { force: true })
    throw new BaselineError(
      `The baseline ${file} cannot be written: ${(cause as Error).message}. Give the test write access there, or run it where it has some and commit the file.`,
      { cause },
    )
  }
}
