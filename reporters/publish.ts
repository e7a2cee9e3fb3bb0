import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import type { FailedTest } from '../src/checks/failed-test.js'
import type { GateSettings } from '../src/checks/gate.js'
import { SettingsError } from '../src/errors.js'
import { renderAnnotations } from './annotations.js'
import type { EncodedCheck } from './collect.js'
import { defaultFormats, type Format, type Formats, renderers } from './formats.js'
import { decide } from './gate.js'
import { folderInRepository } from './location.js'
import { renderMarkdown } from './markdown.js'
import { createReport } from './report.js'
import { renderTerminal } from './terminal.js'

export interface ReporterOptions {
  /**
   * The reports to write, as files relative to the project: `json`, `html`, `junit`, `markdown` and `sarif`. Those that
   * are not named are not written. Default `{ json: 'unfooled-report/report.json', html: 'unfooled-report/report.html' }`.
   */
  readonly formats?: Formats
  /**
   * Fails the run unless every check passed and there is at least one, and no test failed: also where all tests passed, but a baseline was written
   * instead of compared, shards are not merged, or evidence could not be read. With `requireBaselines` each model needs a
   * check against a baseline that passed. Default: the tests alone decide.
   */
  readonly gate?: GateSettings
}

const optionNames = ['formats', 'gate']

/**
 * The options, if they make sense.
 * @throws SettingsError for an option or a format that does not exist, and for a file name that is none.
 */
export function checkOptions(options: ReporterOptions): ReporterOptions {
  const [unknown] = Object.keys(options).filter((name) => !optionNames.includes(name))
  if (unknown !== undefined) {
    throw new SettingsError(
      `The reporter has no option "${unknown}"; it has formats and gate, such as ${JSON.stringify({ formats: defaultFormats, gate: {} })}.`,
    )
  }
  const { gate = {} } = options
  if (typeof gate !== 'object' || Object.keys(gate).some((name) => name !== 'requireBaselines')) {
    throw new SettingsError(`The option gate is {} or { requireBaselines: true }, but is ${JSON.stringify(gate)}.`)
  }
  for (const [format, file] of Object.entries(options.formats ?? {})) {
    if (!Object.hasOwn(renderers, format)) {
      throw new SettingsError(`There is no report format "${format}"; there are ${Object.keys(renderers).join(', ')}.`)
    }
    if (typeof file !== 'string' || file === '') {
      throw new SettingsError(
        `The report format "${format}" needs the name of a file, such as "unfooled-report/report.${format}".`,
      )
    }
  }
  return options
}

export interface Run {
  readonly records: readonly EncodedCheck[]
  readonly complete: boolean
  /** Whether for a check or not. */
  readonly failedTests: readonly FailedTest[]
  /** Folder of the project. */
  readonly root: string
}

/**
 * Prints the report and writes it in every format. On GitHub Actions it annotates the test files and appends to the job
 * summary. A defect of the reporter is printed, and never the end of the run. A gate that does not pass sets the exit code.
 */
export async function publish(
  readRun: () => Run,
  { formats = defaultFormats, gate }: ReporterOptions,
  print: (text: string) => void,
): Promise<void> {
  let gatePassed = false
  const texts: string[] = []
  const say = (text: string) => texts.push(text)
  await attempt('report', say, async () => {
    const { records, complete, failedTests, root } = readRun()
    const report = createReport(records, complete, failedTests)
    say(`\n${renderTerminal(report)}`)
    if (gate) {
      const { passed, text } = decide(report, gate)
      say(`\n${text}`)
      gatePassed = passed
    }
    if (records.length === 0 && failedTests.length === 0) return
    const { GITHUB_ACTIONS, GITHUB_STEP_SUMMARY } = process.env
    const folder = folderInRepository(root)
    say('')
    for (const [format, file] of Object.entries(formats) as [Format, string][]) {
      await attempt(`${format} report`, say, async () => {
        const path = resolve(root, file)
        mkdirSync(dirname(path), { recursive: true })
        writeFileSync(path, await renderers[format](report, folder))
        say(`Report: ${relative(root, path)}`)
      })
    }
    if (GITHUB_STEP_SUMMARY) {
      await attempt('job summary', say, () => appendFileSync(GITHUB_STEP_SUMMARY, renderMarkdown(report)))
    }
    if (GITHUB_ACTIONS) for (const line of renderAnnotations(report, folder)) say(line)
  })
  // At once: other reporters print, too, while this one writes.
  print(texts.join('\n'))
  // A gate that could not be asked is no gate that passed.
  if (gate && !gatePassed) process.exitCode = 1
}

async function attempt(what: string, say: (text: string) => void, work: () => void | Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    say(`unfooled: the ${what} failed, the tests did not: ${(error as Error).stack}`)
  }
}
