import { testCommand } from './command.js'
import { defaultFormats } from './formats.js'
import { showProgress } from './progress.js'
import { checkOptions, publish, type ReporterOptions } from './publish.js'
import { UnfinishedRun } from './unfinished.js'
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
  #unfinished: UnfinishedRun | undefined
  #endProgress = () => {}

  /** @throws SettingsError for options that make no sense. */
  constructor(globalConfig: GlobalConfig, options: ReporterOptions = {}) {
    this.#globalConfig = globalConfig
    this.#options = checkOptions(options)
  }

  onRunStart({ numTotalTestSuites }: { readonly numTotalTestSuites: number }): void {
    const { rootDir, maxWorkers } = this.#globalConfig
    announceWorkers(maxWorkers, numTotalTestSuites)
    this.#unfinished = new UnfinishedRun(rootDir, this.#options.formats ?? defaultFormats)
    this.#endProgress = showProgress(process.stderr, (text) => process.stderr.write(`${text}\n`))
  }

  async onRunComplete(_contexts: unknown, { wasInterrupted }: { readonly wasInterrupted?: boolean }): Promise<void> {
    this.#endProgress()
    const { rootDir } = this.#globalConfig
    await publish(
      () => ({
        records: (this.#unfinished?.read(rootDir) ?? []).map((check) => ({
          ...check,
          // Without the option the path would be a pattern, in which brackets and dots are no brackets and dots.
          command: testCommand('jest --runTestsByPath', check.file, check.test),
        })),
        complete: wasInterrupted !== true,
        root: rootDir,
      }),
      this.#options,
      (text) => process.stderr.write(`${text}\n`),
    )
    this.#unfinished?.end()
  }
}
