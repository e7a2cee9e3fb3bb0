import fastXmlBuilder from 'fast-xml-builder'
import { type FailedTest, whyFailed } from '../src/checks/failed-test.js'
import { testName } from '../src/checks/place.js'
import { outcome } from './attention.js'
import { describeCheck, mark } from './columns.js'
import type { Report } from './report.js'
import type { CheckSummary } from './summary.js'

// Its CommonJS build, which the one of this package gets, has the class one level deeper.
const XMLBuilder = 'default' in fastXmlBuilder ? (fastXmlBuilder.default as typeof fastXmlBuilder) : fastXmlBuilder

/**
 * The report as JUnit XML: a suite per test file, a test case per check. A failed check is a failure. An inconclusive one
 * is an error, and so are tests that failed outside their checks and everything that keeps the report from being complete.
 */
export function renderJunit({ complete, models, problems, failedTests }: Report): string {
  const cases = [
    ...models.flatMap(({ model, checks }) => checks.map((check) => testCase(model.name, check))),
    ...failedTests.map(failedCase),
  ]
  const files = [...new Set(cases.map(({ '@classname': file }) => file))].sort()
  const suites = files.map((name) =>
    suite(
      name,
      cases.filter(({ '@classname': file }) => file === name),
    ),
  )
  const incomplete = [
    ...(complete ? [] : [broken('complete run', 'The run was interrupted: checks are missing.')]),
    ...problems.map((problem) => broken('readable evidence', problem)),
  ]
  if (incomplete.length > 0) suites.push(suite('unfooled', incomplete))
  const builder = new XMLBuilder({
    ignoreAttributes: false,
    attributeNamePrefix: '@',
    suppressBooleanAttributes: false,
    suppressEmptyNode: true,
    format: true,
    tagValueProcessor: (_, value) => withoutControls(value),
    attributeValueProcessor: (_, value) => withoutControls(value),
  })
  return builder.build({
    '?xml': { '@version': '1.0', '@encoding': 'UTF-8' },
    testsuites: { '@name': 'unfooled', ...totals(suites.flatMap(({ testcase }) => testcase)), testsuite: suites },
  })
}

interface TestCase {
  readonly '@name': string
  readonly '@classname': string
  readonly '@time': number
  readonly failure?: Fault
  readonly error?: Fault
  readonly 'system-out'?: string
}

interface Fault {
  readonly '@type': string
  readonly '@message': string
}

function suite(name: string, testcase: readonly TestCase[]) {
  return { '@name': name, ...totals(testcase), testcase }
}

function totals(cases: readonly TestCase[]) {
  return {
    '@tests': cases.length,
    '@failures': cases.filter(({ failure }) => failure).length,
    '@errors': cases.filter(({ error }) => error).length,
    '@time': seconds(cases.reduce((sum, { '@time': time }) => sum + time, 0)),
  }
}

function testCase(model: string, check: CheckSummary): TestCase {
  const { file, test, project, verdict, failedAsExpected, seed, warnings, milliseconds } = check
  const fault: Fault = { '@type': verdict, '@message': outcome(check) }
  const sign = mark(check)
  const output = [
    `Model ${model}.`,
    ...(failedAsExpected ? [outcome(check)] : []),
    ...(seed === undefined ? [] : [`Seed ${seed}.`]),
    ...warnings,
  ]
  return {
    '@name': `${test === undefined && project === undefined ? '' : `${testName(check)} · `}${describeCheck(check)}`,
    '@classname': file,
    '@time': seconds(milliseconds / 1000),
    ...(sign === '?' ? { error: fault } : sign === '✗' ? { failure: fault } : {}),
    'system-out': output.join('\n'),
  }
}

function failedCase(test: FailedTest): TestCase {
  return broken(testName(test), `It ${whyFailed(test)}`, { file: test.file, type: 'failed test' })
}

function broken(name: string, message: string, { file = 'unfooled', type = 'incomplete' } = {}): TestCase {
  return { '@name': name, '@classname': file, '@time': 0, error: { '@type': type, '@message': message } }
}

function seconds(value: number): number {
  return Number(value.toFixed(3))
}

/** XML has no way to write most control characters and halves of surrogate pairs. */
function withoutControls(value: unknown): string {
  return String(value).replace(/[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu, '\uFFFD')
}
