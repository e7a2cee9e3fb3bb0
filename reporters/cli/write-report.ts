import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SettingsError } from '../../src/errors.js'
import { type Format, renderers } from '../formats.js'
import { folderInRepository } from '../location.js'
import type { Report } from '../report.js'
import { renderTerminal } from '../terminal.js'
import { type Output, parseChoice } from './verb.js'

/** The options of every verb that writes a report. */
export const reportOptions = {
  output: { type: 'string', default: 'unfooled-report' },
  formats: { type: 'string', default: 'json,html' },
} as const

export const reportHelp = `  --output <folder>            where the report goes (default unfooled-report)
  --formats <list>             of json, html, junit, markdown, sarif, with commas between (default json,html)`

const fileNames: Readonly<Record<Format, string>> = {
  json: 'report.json',
  html: 'report.html',
  junit: 'report.xml',
  markdown: 'report.md',
  sarif: 'report.sarif',
}

/** @throws SettingsError for a format that does not exist. */
export function readFormats(text: string): Format[] {
  return text.split(',').map((name) => parseChoice('formats', name.trim(), Object.keys(fileNames) as Format[]))
}

/** Prints the report and writes it. @throws SettingsError when the folder cannot be written to. */
export async function writeReport(
  report: Report,
  { output: folder, formats }: { readonly output: string; readonly formats: readonly Format[] },
  { print }: Output,
): Promise<void> {
  print(renderTerminal(report))
  await writing(folder, mkdir(folder, { recursive: true }))
  for (const format of formats) {
    const path = join(folder, fileNames[format])
    await writing(folder, writeFile(path, await renderers[format](report, folderInRepository(process.cwd()))))
    print(`Report: ${path}`)
  }
}

async function writing(folder: string, work: Promise<unknown>): Promise<void> {
  await work.catch((error: Error) => {
    throw new SettingsError(`--output ${folder}: the report cannot be written: ${error.message}`)
  })
}
