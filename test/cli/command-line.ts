import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, onTestFinished } from 'vitest'
import { runCli } from '../../reporters/cli/run.js'

export interface Finished {
  readonly code: number
  readonly printed: string
  readonly noted: string
  /** Absent when nothing was told. */
  readonly progress?: readonly string[]
}

/** Runs the command line in this process. */
export async function unfooled(...args: readonly string[]): Promise<Finished> {
  const printed: string[] = []
  const noted: string[] = []
  const progress: string[] = []
  const code = await runCli(args, {
    print: (text) => printed.push(text),
    note: (text) => noted.push(text),
    progress: (text) => progress.push(text),
  })
  return { code, printed: printed.join('\n'), noted: noted.join('\n'), ...(progress.length > 0 && { progress }) }
}

/** An empty folder, which goes away with the test file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'unfooled-cli-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  return folder
}

/** Runs the rest of the test in another folder. */
export function changeFolder(folder: string): void {
  const before = process.cwd()
  process.chdir(folder)
  onTestFinished(() => process.chdir(before))
}
