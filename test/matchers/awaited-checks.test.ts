import { expect, test } from 'vitest'
import { AwaitedChecks } from '../../matchers/awaited-checks.js'

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

test('as a part of another assertion, which does not wait, a check is refused at once', () => {
  const { toHold } = new AwaitedChecks<object>().watch({ toHold: heldMatcher().toHold }, () => running)
  expect(() => toHold.call({})).toThrow('expect.toHold() decides nothing inside another assertion')
})
