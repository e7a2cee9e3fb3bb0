import { relative, resolve } from 'node:path'
import type { EncodedCheck } from './collect.js'
import { defaultOutputFile, writeJson } from './json.js'
import { createReport } from './report.js'
import { renderTerminal } from './terminal.js'

export interface ReporterOptions {
  /** Where the JSON report goes, relative to the project. Default `unfooled-report/report.json`. */
  readonly outputFile?: string
}

export interface Run {
  readonly records: readonly EncodedCheck[]
  readonly complete: boolean
  /** Folder of the project. */
  readonly root: string
}

/** Prints the report and writes it as JSON. A defect of the reporter is printed, and never the end of the run. */
export function publish(
  readRun: () => Run,
  { outputFile = defaultOutputFile }: ReporterOptions,
  print: (text: string) => void,
): void {
  try {
    const { records, complete, root } = readRun()
    const report = createReport(records, complete)
    print(`\n${renderTerminal(report)}`)
    if (records.length === 0) return
    const path = resolve(root, outputFile)
    writeJson(path, report)
    print(`\nReport: ${relative(root, path)}`)
  } catch (error) {
    print(`unfooled: the report failed, the tests did not: ${(error as Error).stack}`)
  }
}
