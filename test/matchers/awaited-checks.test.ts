import { expect, test } from 'vitest'
import { AwaitedChecks } from '../../matchers/awaited-checks.js'
import { SettingsError } from '../../src/errors.js'

interface Context {
  readonly promise?: string
}

/** A matcher that ends when it is let go. */
function heldMatcher() {
  let letGo = () => {}
  const held = new Promise<void>((resolve) => {
    letGo = resolve
  })
  async function toHold(this: Context) {
    await held
    return { pass: true, message: () => '' }
  }
  return { toHold, letGo }
}

const running = { name: 'a test' }
const context: Context = { promise: '' }

test('a check that has not ended is an error of its test, once', async () => {
  const checks = new AwaitedChecks<object>()
  const { toHold, letGo } = heldMatcher()
  const matchers = checks.watch({ toHold }, () => running)
  const check = matchers.toHold.call(context)
  expect(checks.end({})).toBeUndefined()
  expect(checks.end(running)?.message).toContain('expect(model).toHold() was not awaited')
  expect(checks.end(running)).toBeUndefined()
  letGo()
  expect(await check).toMatchObject({ pass: true })
})

test('a check that has ended is none, and neither is one of a test that is not known', async () => {
  const checks = new AwaitedChecks<object>()
  const { toHold, letGo } = heldMatcher()
  const ended = checks.watch({ toHold }, () => running).toHold.call(context)
  const unknown = checks.watch({ toHold: heldMatcher().toHold }, () => undefined)
  void unknown.toHold.call(context)
  letGo()
  await ended
  expect(checks.end(running)).toBeUndefined()
})

test('an error that this package throws on purpose is said to be where the check was called', async () => {
  const checks = new AwaitedChecks<object>()
  const toThrow = (error: Error) => checks.watch({ toThrow: async () => Promise.reject(error) }, () => running).toThrow
  const ours = deepError((message) => new SettingsError(message))
  const theirs = deepError((message) => new Error(message))
  const stackOf = (error: Error) => error.stack!
  async function callsTheCheck(error: Error): Promise<string> {
    return toThrow(error).call(context).then(String, stackOf)
  }
  expect(stackOf(ours)).not.toContain('callsTheCheck')
  expect(await callsTheCheck(ours)).toMatch(/^SettingsError: deep\n {4}at callsTheCheck/)
  expect(await callsTheCheck(theirs)).toContain('recurse')
})

/** Made further below the caller than a stack trace reaches. */
function deepError(make: (message: string) => Error): Error {
  const recurse = (depth: number): Error => (depth === 0 ? make('deep') : recurse(depth - 1))
  return recurse(Error.stackTraceLimit)
}

test('as a part of another assertion, which does not wait, a check is refused at once', () => {
  const { toHold } = new AwaitedChecks<object>().watch({ toHold: heldMatcher().toHold }, () => running)
  expect(() => toHold.call({})).toThrow('expect.toHold() decides nothing inside another assertion')
})
