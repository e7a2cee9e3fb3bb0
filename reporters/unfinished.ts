import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { EncodedCheck } from './collect.js'
import type { Formats } from './formats.js'
import { pathIn } from './location.js'

/**
 * The evidence of a run that goes on. Its workers write every check, as it ends, into a folder beside the JSON report that
 * is to come, one file per worker. A run that is killed leaves the folder, and no report.
 */
export class UnfinishedRun {
  readonly #folder: string

  /** Tells the workers, which inherit it, where to write. Removes reports and remains of earlier runs. */
  constructor(root: string, formats: Formats) {
    for (const file of Object.values(formats)) rmSync(resolve(root, file), { force: true })
    this.#folder = formats.json === undefined ? temporaryFolder() : folderBeside(resolve(root, formats.json))
    process.env.UNFOOLED_EVIDENCE_DIR = this.#folder
  }

  /** What was written so far, with files relative to the root. */
  read(root: string): EncodedCheck[] {
    return readFolder(this.#folder, root)
  }

  /** To be called when the reports are written. */
  end(): void {
    delete process.env.UNFOOLED_EVIDENCE_DIR
    rmSync(this.#folder, { recursive: true, force: true })
    const parent = resolve(this.#folder, '..')
    if (parent.endsWith(suffix) && readdirSync(parent).length === 0) rmSync(parent, { recursive: true })
  }
}

const suffix = '.unfinished'

function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'unfooled-evidence-'))
}

function folderBeside(report: string): string {
  const parent = `${report}${suffix}`
  mkdirSync(parent, { recursive: true })
  for (const name of readdirSync(parent)) {
    if (!isRunning(Number.parseInt(name, 10))) rmSync(join(parent, name), { recursive: true })
  }
  return mkdtempSync(join(parent, `${process.pid}-`))
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** The checks of the runs that were to write this JSON report and have not ended, if there are such runs. */
export function readUnfinished(report: string): EncodedCheck[] | undefined {
  const parent = `${report}${suffix}`
  if (!existsSync(parent)) return undefined
  return readdirSync(parent).flatMap((run) => readFolder(join(parent, run), process.cwd()))
}

type Line = EncodedCheck & { readonly fileRun?: string; readonly attempt?: number }

function readFolder(folder: string, root: string): EncodedCheck[] {
  const lines = readdirSync(folder)
    .sort()
    .flatMap((name) => readLines(readFileSync(join(folder, name), 'utf8')))
    .map((line) => ({ ...line, file: pathIn(root, resolve(folder, line.file)) }))
  // Of a test that was tried again, the last attempt counts.
  const last = new Map<string, number>()
  const nameOf = ({ project, fileRun, file, test }: Line) => JSON.stringify([project, fileRun, file, test])
  for (const line of lines) last.set(nameOf(line), Math.max(line.attempt ?? 0, last.get(nameOf(line)) ?? 0))
  return lines.flatMap((line) => {
    const { attempt, fileRun: _, ...check } = line
    return attempt === undefined || attempt === last.get(nameOf(line)) ? [check] : []
  })
}

/** A worker that was killed while it wrote leaves half a line at the end. */
function readLines(text: string): Line[] {
  const complete = text.slice(0, text.lastIndexOf('\n') + 1)
  return complete.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Line]))
}
