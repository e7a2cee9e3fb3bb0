import type { RecordedCheck } from './evidence.js'
import { type Place, placeName } from './place.js'

/**
 * A test that failed, whatever for: it threw before it came to its check, say. Without the name of a test, what failed
 * belongs to the file: it could not be loaded, or a hook threw.
 */
export interface FailedTest extends Place {
  /** Line of the test in the file, where the runner says it. */
  readonly line?: number
  /** What to type to run it again, in the folder of the project. */
  readonly command?: string
  /** What its first error says. */
  readonly message: string
}

/** Those that no failed check accounts for, each once: shards of samples fail for the same. */
export function failedOutsideChecks(
  failedTests: readonly FailedTest[],
  checks: readonly RecordedCheck[],
): FailedTest[] {
  const failedChecks = checks.filter(({ evidence: { assertion, shard } }) => assertion?.passed === false && !shard)
  const unaccounted = failedTests.filter(
    (failed) => failed.test === undefined || !failedChecks.some((check) => isOf(check, failed)),
  )
  return [...new Map(unaccounted.map((failed) => [`${placeName(failed)}\n${failed.message}`, failed])).values()]
}

/** A check without the name of its test could be of any in the file. */
function isOf({ file, project, test }: Place, failed: Place): boolean {
  return file === failed.file && project === failed.project && (test === undefined || test === failed.test)
}

/** Where it failed: outside its checks, or outside the tests of the file; and what was said. */
export function whyFailed({ test, message }: FailedTest): string {
  const said = message.replace(/\s+/g, ' ').trim()
  return `failed outside its ${test === undefined ? 'tests' : 'checks'}: ${said.length > most ? `${said.slice(0, most)} …` : said}`
}

/** A list of what needs attention has no room for more characters. */
const most = 300
