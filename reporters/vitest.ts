import type {
  Reporter,
  TestCase,
  TestModule,
  TestRunEndReason,
  TestSpecification,
  TestSuite,
  Vitest,
} from 'vitest/node'
import type { FailedTest } from '../src/checks/failed-test.js'
import type { JsonSafe } from '../src/checks/json-safe.js'
import type { EncodedCheck } from './collect.js'
import { quote, testCommand } from './command.js'
import { errorText } from './error-text.js'
import { defaultFormats } from './formats.js'
import { pathIn } from './location.js'
import { showProgress } from './progress.js'
import { checkOptions, publish, type ReporterOptions } from './publish.js'
import { UnfinishedRun } from './unfinished.js'
import { announceWorkers } from './workers.js'

/** Reports the robustness checks of a Vitest run. */
export default class UnfooledReporter implements Reporter {
  readonly #options: ReporterOptions
  #vitest: Vitest | undefined
  #unfinished: UnfinishedRun | undefined
  #endProgress = () => {}

  /** @throws SettingsError for options that make no sense. */
  constructor(options: ReporterOptions = {}) {
    this.#options = checkOptions(options)
  }

  onInit(vitest: Vitest): void {
    this.#vitest = vitest
  }

  onTestRunStart(specifications: readonly TestSpecification[]): void {
    const { config, logger } = this.#vitest!
    // In watch mode Vitest hands over once more what an earlier run found, where a file does not come to run again.
    for (const entity of specifications.flatMap(({ testModule }) => (testModule ? entitiesOf(testModule) : []))) {
      delete recordingMeta(entity).unfooled
    }
    // There the setup file fails for the first module of Node that it imports, whatever the error says then.
    for (const name of new Set(specifications.filter(isInBrowser).map(({ project }) => project.name))) {
      logger.error(
        `unfooled: the project ${name} runs in a browser, and models run in Node. Give the robustness tests a project without \`browser\`, and take unfooled/vitest out of the setupFiles of ${name}.`,
      )
    }
    announceWorkers(config.maxWorkers, specifications.length)
    this.#unfinished = new UnfinishedRun(config.root, this.#options.formats ?? defaultFormats)
    this.#endProgress = showProgress(process.stdout, (text) => logger.log(text))
  }

  async onTestRunEnd(
    testModules: readonly TestModule[],
    errors: readonly UnhandledError[],
    reason: TestRunEndReason,
  ): Promise<void> {
    this.#endProgress()
    const { config, logger } = this.#vitest!
    const unhandled = config.dangerouslyIgnoreUnhandledErrors ? [] : errors
    await publish(
      () => {
        const modules = testModules.map((testModule) => readModule(testModule, config.root, runnerOf(this.#vitest!)))
        return {
          records: modules.flatMap(({ records }) => records),
          // What belongs to no file is the end of a worker, whose file stays as it was.
          complete: reason !== 'interrupted' && testModules.every(hasEnded) && unhandled.every(fileOf),
          failedTests: [
            ...modules.flatMap(({ failedTests }) => failedTests),
            ...unhandled.flatMap((error) => {
              const file = fileOf(error)
              return file ? [{ file: pathIn(config.root, file), test: undefined, message: errorText(error) }] : []
            }),
          ],
          root: config.root,
        }
      },
      this.#options,
      (text) => logger.log(text),
    )
    this.#unfinished?.end()
  }
}

function isInBrowser({ pool, project }: TestSpecification): boolean {
  return (
    pool === 'browser' && project.config.setupFiles.some((file) => /unfooled.*[\\/]matchers[\\/]vitest\.js$/.test(file))
  )
}

/** With the configuration, where Vitest would not find it by itself. */
function runnerOf({ config: { root }, vite }: Vitest): string {
  const file = vite.config.configFile && pathIn(root, vite.config.configFile)
  return !file || /^vite(st)?\.config\.\w+$/.test(file) ? 'vitest run' : `vitest run --config ${quote(file)}`
}

/** What is read of an error that no test caught. */
interface UnhandledError {
  readonly message: string
  readonly stack?: string
  readonly VITEST_TEST_PATH?: unknown
  readonly name?: string
  readonly stacks?: readonly { readonly file: string }[]
}

/** The test file that ran, or the file with an error in its types; undefined where Vitest does not know. */
function fileOf({ VITEST_TEST_PATH: file, name, stacks }: UnhandledError): string | undefined {
  if (typeof file === 'string') return file
  return name === 'TypeCheckError' ? stacks?.[0]?.file : undefined
}

function hasEnded(testModule: TestModule): boolean {
  return !['queued', 'pending'].includes(testModule.state())
}

function readModule(
  testModule: TestModule,
  root: string,
  runner: string,
): { readonly records: readonly EncodedCheck[]; readonly failedTests: readonly FailedTest[] } {
  const project = testModule.project.name || undefined
  const file = pathIn(root, testModule.moduleId)
  const inProject = project === undefined ? runner : `${runner} --project ${quote(project)}`
  const ofFile = { project, file, test: undefined, command: testCommand(inProject, file, undefined) }
  const tests = Array.from(testModule.children.allTests(), (testCase) => ({
    testCase,
    place: {
      project,
      file,
      test: testCase.fullName,
      // Only with Vitest's option `includeTaskLocation`.
      line: testCase.location?.line,
      command: testCommand(inProject, file, nameForFilter(testCase)),
    },
  }))
  // Of the file and of hooks, whose tests are left out.
  const errors = [testModule, ...testModule.children.allSuites()].flatMap((suite) => suite.errors())
  return {
    records: [
      ...evidenceOf(testModule).map((evidence) => ({ ...ofFile, evidence })),
      ...tests.flatMap(({ testCase, place }) => evidenceOf(testCase).map((evidence) => ({ ...place, evidence }))),
    ],
    failedTests: [
      ...errors.map((error) => ({ ...ofFile, message: errorText(error) })),
      ...tests.flatMap(({ testCase, place }) => {
        const { state, errors } = testCase.result()
        return state === 'failed' ? [{ ...place, message: errorText(errors[0]) }] : []
      }),
    ],
  }
}

/** The option -t is compared with names that are joined by spaces. */
function nameForFilter({ name, parent }: TestCase | TestSuite): string {
  return parent.type === 'module' ? name : `${nameForFilter(parent)} ${name}`
}

function entitiesOf(testModule: TestModule): (TestModule | TestCase)[] {
  return [testModule, ...testModule.children.allTests()]
}

function recordingMeta(entity: TestModule | TestCase): { unfooled?: readonly JsonSafe[] } {
  return entity.meta() as { unfooled?: readonly JsonSafe[] }
}

function evidenceOf(entity: TestModule | TestCase): readonly JsonSafe[] {
  return recordingMeta(entity).unfooled ?? []
}
