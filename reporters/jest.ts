import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import type { EncodedCheck } from './collect.js'
import { testCommand } from './command.js'
import { showProgress } from './progress.js'
import { checkOptions, publish, type ReporterOptions } from './publish.js'
import { announceWorkers } from './workers.js'

/** What is read of Jest's global configuration. */
interface GlobalConfig {
  readonly rootDir: string
  readonly maxWorkers: number
}

/** Reports the robustness checks of a Jest run. */
export default class UnfooledReporter {
  readonly #globalConfig: GlobalConfig
  readonly #options: ReporterOptions
  readonly #folder: string
  #endProgress = () => {}

  /** @throws SettingsError for options that make no sense. */
  constructor(globalConfig: GlobalConfig, options: ReporterOptions = {}) {
    this.#globalConfig = globalConfig
    this.#options = checkOptions(options)
    this.#folder = mkdtempSync(join(tmpdir(), 'unfooled-evidence-'))
    // Workers inherit it.
    process.env.UNFOOLED_EVIDENCE_DIR = this.#folder
  }

  onRunStart({ numTotalTestSuites }: { readonly numTotalTestSuites: number }): void {
    announceWorkers(this.#globalConfig.maxWorkers, numTotalTestSuites)
    this.#endProgress = showProgress(process.stderr, (text) => process.stderr.write(`${text}\n`))
  }

  async onRunComplete(_contexts: unknown, { wasInterrupted }: { readonly wasInterrupted?: boolean }): Promise<void> {
    this.#endProgress()
    const { rootDir } = this.#globalConfig
    await publish(
      () => ({ records: readFolder(this.#folder, rootDir), complete: wasInterrupted !== true, root: rootDir }),
      this.#options,
      (text) => process.stderr.write(`${text}\n`),
    )
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

function readFolder(folder: string, root: string): EncodedCheck[] {
  return readdirSync(folder)
    .sort()
    .flatMap((name) => readLines(readFileSync(join(folder, name), 'utf8')))
    .map(({ file: path, ...record }) => {
      const file = relative(root, path)
      return { ...record, file, command: testCommand('jest', file, record.test) }
    })
}

/** A worker that was killed while it wrote leaves half a line at the end. */
function readLines(text: string): EncodedCheck[] {
  const complete = text.slice(0, text.lastIndexOf('\n') + 1)
  return complete.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as EncodedCheck]))
}
