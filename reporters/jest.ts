import { dirname, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { FailedTest } from '../src/checks/failed-test.js'
import type { Place } from '../src/checks/place.js'
import { quote, testCommand } from './command.js'
import { errorText } from './error-text.js'
import { defaultFormats, type Formats } from './formats.js'
import { pathIn } from './location.js'
import { showProgress } from './progress.js'
import { checkOptions, publish, type ReporterOptions } from './publish.js'
import { UnfinishedRun } from './unfinished.js'
import { isWatched, type WatchConfig } from './watched.js'
import { announceWorkers } from './workers.js'

/** What is read of Jest's global configuration. */
interface GlobalConfig {
  readonly rootDir: string
  readonly maxWorkers: number
  readonly watch?: boolean
  readonly watchAll?: boolean
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

/** What is read of the results of a run. */
interface RunResults {
  readonly wasInterrupted?: boolean
  readonly numTotalTestSuites: number
  /** One per file that has run. */
  readonly testResults: readonly FileResult[]
}

interface FileResult {
  readonly testFilePath: string
  readonly displayName?: { readonly name: string }
  /** What kept the file from running, or a hook after its tests from its end. */
  readonly testExecError?: string | { readonly message?: string; readonly stack?: string }
  readonly testResults: readonly {
    readonly fullName: string
    readonly status: string
    /** Each with its stack. */
    readonly failureMessages: readonly string[]
  }[]
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

  async onRunComplete(
    contexts: ReadonlySet<{ readonly config: WatchConfig }>,
    { wasInterrupted, numTotalTestSuites, testResults }: RunResults,
  ): Promise<void> {
    this.#endProgress()
    const { rootDir } = this.#globalConfig
    const print = (text: string) => process.stderr.write(`${text}\n`)
    await publish(
      () => ({
        records: (this.#unfinished?.read(rootDir) ?? []).map((check) => withCommand(rootDir, check)),
        // With --bail Jest leaves out the rest of the files, and does not call that an interruption.
        complete: wasInterrupted !== true && testResults.length === numTotalTestSuites,
        failedTests: testResults
          .flatMap((result) => readFailures(result, rootDir))
          .map((failed) => withCommand(rootDir, failed)),
        root: rootDir,
      }),
      { ...this.#options, formats: this.#formatsToWrite([...contexts], print) },
      print,
    )
    this.#unfinished?.end()
  }

  /** Without those for which Jest, in watch mode, would run again and again. */
  #formatsToWrite(contexts: readonly { readonly config: WatchConfig }[], print: (text: string) => void): Formats {
    const { rootDir, watch, watchAll } = this.#globalConfig
    const { formats = defaultFormats } = this.#options
    if (!watch && !watchAll) return formats
    const restarts = (file: string) => contexts.some(({ config }) => isWatched(resolve(rootDir, file), config))
    for (const file of Object.values(formats).filter(restarts)) {
      const folder = dirname(file)
      print(
        `unfooled: ${file} is not written in watch mode, since Jest would run again for it. Jest leaves it alone with watchPathIgnorePatterns: ['${folder === '.' ? file : folder}'] in its configuration.`,
      )
    }
    return Object.fromEntries(Object.entries(formats).filter(([, file]) => !restarts(file)))
  }
}

function readFailures(result: FileResult, rootDir: string): FailedTest[] {
  const { testFilePath, displayName, testExecError, testResults } = result
  const place = { project: displayName?.name, file: pathIn(rootDir, testFilePath) }
  return [
    ...(testExecError === undefined ? [] : [{ ...place, test: undefined, message: errorText(testExecError) }]),
    ...testResults
      .filter(({ status }) => status === 'failed')
      .map(({ fullName, failureMessages: [message = ''] }) => ({
        ...place,
        test: fullName,
        message: errorText(message),
      })),
  ]
}

function withCommand<Placed extends Place>(rootDir: string, place: Placed): Placed & { readonly command: string } {
  return { ...place, command: testCommand(runnerOf(rootDir, place.project), place.file, place.test) }
}

/** With the configuration that this run was given, and the project, where there is one. */
function runnerOf(rootDir: string, project: string | undefined): string {
  const args = jestArguments(process.argv)
  const config = configOption(args)
  const projects = projectsOption(args)
  return [
    'jest',
    ...(projects.length === 0
      ? []
      : ['--projects', ...projects.map((path) => quote(pathIn(rootDir, resolve(path)) || '.'))]),
    // It may be JSON in place of a path.
    ...(config === undefined
      ? []
      : ['--config', quote(/^\s*{/.test(config) ? config : pathIn(rootDir, resolve(config)))]),
    ...(project === undefined ? [] : ['--selectProjects', quote(project)]),
    // Without the option the path would be a pattern, in which brackets and dots are no brackets and dots.
    '--runTestsByPath',
  ].join(' ')
}

/** Of programs that call Jest, the command line is their own. Reporters are not told its options. */
function jestArguments([, script = '', ...args]: readonly string[]): string[] {
  return /[\\/]jest(\.js)?$/.test(script) ? args : []
}

/** Paths, each relative to the working directory: all up to the next option. */
function projectsOption(args: readonly string[]): string[] {
  const paths: string[] = []
  let taken = false
  for (const arg of args) {
    if (arg.startsWith('-')) taken = /^--projects(=|$)/.test(arg)
    const path = arg.replace(/^--projects=?/, '')
    if (taken && path !== '') paths.push(path)
  }
  return paths
}

function configOption(args: string[]): string | undefined {
  const { values } = parseArgs({ args, strict: false, options: { config: { type: 'string', short: 'c' } } })
  // Jest takes -c=path, too.
  return typeof values.config === 'string' ? values.config.replace(/^=/, '') : undefined
}
