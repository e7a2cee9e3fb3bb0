import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { quote, testCommand } from './command.js'
import { defaultFormats } from './formats.js'
import { pathIn } from './location.js'
import { showProgress } from './progress.js'
import { checkOptions, publish, type ReporterOptions } from './publish.js'
import { UnfinishedRun } from './unfinished.js'
import { announceWorkers } from './workers.js'

/** What is read of Jest's global configuration. */
interface GlobalConfig {
  readonly rootDir: string
  readonly maxWorkers: number
}

/** What is read of a test file that is about to run. */
interface TestFile {
  /** Of all files of a project. */
  readonly context: { config: ProjectConfig }
}

interface ProjectConfig {
  readonly displayName?: { readonly name: string }
  readonly globals: Readonly<Record<string, unknown>>
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

  /** Jest does not tell tests which project they run in: they get its name as a global variable, and record it. */
  onTestFileStart({ context }: TestFile): void {
    const { displayName, globals } = context.config
    // Projects may share the object, and the configuration is frozen.
    if (displayName)
      context.config = { ...context.config, globals: { ...globals, __UNFOOLED_PROJECT__: displayName.name } }
  }

  async onRunComplete(_contexts: unknown, { wasInterrupted }: { readonly wasInterrupted?: boolean }): Promise<void> {
    this.#endProgress()
    const { rootDir } = this.#globalConfig
    await publish(
      () => ({
        records: (this.#unfinished?.read(rootDir) ?? []).map((check) => ({
          ...check,
          command: testCommand(runnerOf(rootDir, check.project), check.file, check.test),
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

/** With the configuration that this run was given, and the project, where there is one. */
function runnerOf(rootDir: string, project: string | undefined): string {
  const config = configOption(process.argv)
  return [
    'jest',
    // It may be JSON in place of a path.
    ...(config === undefined
      ? []
      : ['--config', quote(/^\s*{/.test(config) ? config : pathIn(rootDir, resolve(config)))]),
    ...(project === undefined ? [] : ['--selectProjects', quote(project)]),
    // Without the option the path would be a pattern, in which brackets and dots are no brackets and dots.
    '--runTestsByPath',
  ].join(' ')
}

/** Reporters are not told it. Of programs that call Jest, the command line is their own. */
function configOption([, script = '', ...args]: readonly string[]): string | undefined {
  if (!/[\\/]jest(\.js)?$/.test(script)) return undefined
  const { values } = parseArgs({ args, strict: false, options: { config: { type: 'string', short: 'c' } } })
  // Jest takes -c=path, too.
  return typeof values.config === 'string' ? values.config.replace(/^=/, '') : undefined
}
