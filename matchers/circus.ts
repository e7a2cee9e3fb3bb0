import { AsyncLocalStorage } from 'node:async_hooks'

/** What jest-circus, which runs the tests of Jest, keeps of a test. */
export interface CircusTest extends CircusParent {
  readonly type: 'test'
  readonly concurrent?: boolean
  /** Declared as `test.failing`. */
  readonly failing?: boolean
  readonly timeout?: number
  /** Date, in milliseconds. */
  readonly startedAt?: number | null
  /** How often it was begun. */
  readonly invocations?: number
  /** Of this attempt. */
  readonly errors?: readonly unknown[]
  fn?: (this: unknown) => unknown
}

interface CircusParent {
  readonly name: string
  readonly parent?: CircusParent
}

interface CircusBlock {
  readonly type: 'describeBlock'
  readonly children: readonly (CircusBlock | CircusTest)[]
}

interface CircusState {
  readonly currentlyRunningTest?: CircusTest | null
  readonly testTimeout?: number
  readonly rootDescribeBlock: CircusBlock
}

/** The test that a matcher is called in. */
export interface Circumstances {
  readonly test: CircusTest
  /** With the names of its blocks, as Jest joins them. */
  readonly name: string
  /** Milliseconds. */
  readonly timeout: number | undefined
  readonly elapsed: number
  /** From 1. */
  readonly attempt: number
}

// Fake timers put another Date in place of this one.
const { now } = Date

/** Jest tells matchers little about their test, but its test runner keeps its state on the global object. */
function circusState(): CircusState | undefined {
  const symbol = Object.getOwnPropertySymbols(globalThis).find(({ description }) => description === 'JEST_STATE_SYMBOL')
  return symbol && ((globalThis as Record<symbol, unknown>)[symbol] as CircusState | undefined)
}

/** Of concurrent ones it may be any. */
export function currentTest(): CircusTest | undefined {
  return circusState()?.currentlyRunningTest ?? undefined
}

const followed = new AsyncLocalStorage<{ readonly test: CircusTest; readonly startedAt: number }>()

/**
 * Lets {@link circumstances} tell concurrent tests apart, of which Jest knows the one that began last. To be called when all
 * tests are declared, and none has begun.
 * @param end What to fail a test with that has ended, if with anything.
 */
export function followConcurrentTests(end: (test: CircusTest) => Error | undefined): void {
  for (const test of testsOf(circusState()?.rootDescribeBlock)) {
    const { concurrent, fn } = test
    // Jest counts the arguments: one that takes any ends by a callback.
    if (!concurrent || !fn || fn.length > 0) continue
    test.fn = function followedTest() {
      return followed.run({ test, startedAt: now() }, async () => {
        await fn.call(this)
        const error = end(test)
        if (error) throw error
      })
    }
  }
}

function testsOf(block: CircusBlock | undefined): CircusTest[] {
  return (block?.children ?? []).flatMap((child) => (child.type === 'test' ? [child] : testsOf(child)))
}

/** Undefined where the state is missing or about another test: then there is no budget, and Jest's timeout ends the test. */
export function circumstances(currentTestName: string | undefined): Circumstances | undefined {
  const state = circusState()
  const concurrent = followed.getStore()
  const test = concurrent?.test ?? currentTest()
  const startedAt = concurrent?.startedAt ?? test?.startedAt
  if (!test || !startedAt) return undefined
  const name = fullName(test)
  if (!concurrent && (test.concurrent || name !== currentTestName)) return undefined
  return {
    test,
    name,
    timeout: test.timeout ?? state?.testTimeout,
    elapsed: now() - startedAt,
    // Jest 29 begins concurrent tests before it counts.
    attempt: Math.max(1, test.invocations ?? 1),
  }
}

function fullName({ name, parent }: CircusParent): string {
  return parent && parent.name !== 'ROOT_DESCRIBE_BLOCK' ? `${fullName(parent)} ${name}` : name
}
