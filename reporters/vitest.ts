import type {
  Reporter,
  TestCase,
  TestModule,
  TestRunEndReason,
  TestSpecification,
  TestSuite,
  Vitest,
} from 'vitest/node'
import type { JsonSafe } from '../src/checks/json-safe.js'
import type { EncodedCheck } from './collect.js'
import { quote, testCommand } from './command.js'
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
    _errors: readonly unknown[],
    reason: TestRunEndReason,
  ): Promise<void> {
    this.#endProgress()
    const { config, logger } = this.#vitest!
    await publish(
      () => ({
        records: testModules.flatMap((testModule) => readModule(testModule, config.root, runnerOf(this.#vitest!))),
        complete: reason !== 'interrupted',
        root: config.root,
      }),
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

function readModule(testModule: TestModule, root: string, runner: string): EncodedCheck[] {
  const project = testModule.project.name || undefined
  const file = pathIn(root, testModule.moduleId)
  const command = (test: string | undefined) =>
    testCommand(project === undefined ? runner : `${runner} --project ${quote(project)}`, file, test)
  return [
    ...evidenceOf(testModule).map((evidence) => ({
      project,
      file,
      test: undefined,
      command: command(undefined),
      evidence,
    })),
    ...[...testModule.children.allTests()].flatMap((testCase) =>
      evidenceOf(testCase).map((evidence) => ({
        project,
        file,
        test: testCase.fullName,
        // Only with Vitest's option `includeTaskLocation`.
        line: testCase.location?.line,
        command: command(nameForFilter(testCase)),
        evidence,
      })),
    ),
  ]
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
