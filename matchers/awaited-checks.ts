import { SettingsError, UnfooledError } from '../src/errors.js'
import type { MatcherResult } from './assertion.js'

// biome-ignore lint/suspicious/noExplicitAny: takes the arguments of every matcher
type Matcher<Context> = (this: Context, ...given: any[]) => Promise<MatcherResult>

/** Runners take a test for passed that ends before its asynchronous assertions do, and cannot wait for those inside another one. */
export class AwaitedChecks<Test extends object> {
  /** Of the tests that are under way, the checks that have not ended: each with the error of a test that does not await it. */
  readonly #unended = new Map<Test, Set<Error>>()

  /**
   * The same matchers; what they check counts as a check of the test until it has ended.
   * @param testOf The test that a matcher is called in; undefined where it could be any of several.
   */
  watch<Context extends object, Matchers extends Readonly<Record<string, Matcher<Context>>>>(
    matchers: Matchers,
    testOf: (context: Context) => Test | undefined,
  ): Matchers {
    const entries = Object.entries(matchers).map(([name, matcher]) => [name, this.#watched(name, matcher, testOf)])
    return Object.fromEntries(entries) as Matchers
  }

  /** The error of a check that the test, which has ended, did not await; undefined where there is none. */
  end(test: Test): Error | undefined {
    const [notAwaited] = this.#unended.get(test) ?? []
    this.#unended.delete(test)
    return notAwaited
  }

  #watched<Context extends object>(
    name: string,
    matcher: Matcher<Context>,
    testOf: (context: Context) => Test | undefined,
  ): Matcher<Context> {
    const unended = this.#unended
    return function watched(...given) {
      if (!('promise' in this)) {
        throw new SettingsError(
          `expect.${name}() decides nothing inside another assertion, which does not wait for it. Write \`await expect(model).${name}(…)\`.`,
        )
      }
      const notAwaited = new Error(
        `expect(model).${name}() was not awaited: the test ended before the check did, so that it decided nothing. Write \`await expect(model).${name}(…)\`.`,
      )
      Error.captureStackTrace(notAwaited, watched)
      const check = matcher.apply(this, given).catch((error: unknown) => {
        throw error instanceof UnfooledError ? thrownWhere(notAwaited, error) : error
      })
      const test = testOf(this)
      if (!test) return check
      const checks = unended.get(test) ?? new Set()
      unended.set(test, checks.add(notAwaited))
      return check.finally(() => checks.delete(notAwaited))
    }
  }
}

/** What is wrong with a call is looked for there: the frames of this package come first, and leave no room for it. */
function thrownWhere(called: Error, error: UnfooledError): UnfooledError {
  const [frames] = /(\n {4}at .*)*$/.exec(called.stack!)!
  error.stack = `${error.name}: ${error.message}${frames}`
  return error
}
