import { appendFileSync, existsSync } from 'node:fs'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { CheckProgress } from '../../matchers/progress.js'
import { showProgress } from '../../reporters/progress.js'
import { attack } from '../../src/attacks/run-attack.js'
import { fools, samplesBelow, thresholdModel } from '../matchers/subject.js'

beforeEach(() => {
  vi.stubEnv('CI', undefined)
  vi.stubEnv('UNFOOLED_PROGRESS', undefined)
})
afterEach(() => {
  vi.unstubAllEnvs()
})

test('on a terminal, what a worker says of a long check is printed', async () => {
  const printed: string[] = []
  const stop = showProgress({ isTTY: true }, (text) => printed.push(text))
  const model = await thresholdModel()
  // As in a worker, which inherits the variable.
  const progress = new CheckProgress(model, 10)
  const { run, ...stub } = fools(3)
  const slow: typeof run = async (context) => {
    context.progress(0.5)
    await vi.waitFor(() => expect(printed).not.toEqual([]), { timeout: 60_000 })
    return run(context)
  }
  const { fooled } = await attack(model, progress.watch({ ...stub, run: slow }), samplesBelow(5))
  progress.stop()
  expect(fooled).toBe(3)
  expect(printed[0].split('\n')[0]).toMatch(/^stub on threshold\.onnx: 50 %, about .* left$/)
  const file = process.env.UNFOOLED_PROGRESS!
  stop()
  expect(existsSync(file)).toBe(false)
  expect(process.env.UNFOOLED_PROGRESS).toBeUndefined()
})

test('half a line waits for its other half', async () => {
  const printed: string[] = []
  const stop = showProgress({ isTTY: true }, (text) => printed.push(text))
  appendFileSync(process.env.UNFOOLED_PROGRESS!, 'one\ntwo\nthr')
  await vi.waitFor(() => expect(printed).toEqual(['one\ntwo']), { timeout: 60_000 })
  appendFileSync(process.env.UNFOOLED_PROGRESS!, 'ee\n')
  await vi.waitFor(() => expect(printed).toEqual(['one\ntwo', 'three']), { timeout: 60_000 })
  stop()
})

test('without a terminal, and in CI, nobody watches', () => {
  const none = () => expect.unreachable()
  showProgress({}, none)()
  expect(process.env.UNFOOLED_PROGRESS).toBeUndefined()
  vi.stubEnv('CI', 'true')
  showProgress({ isTTY: true }, none)()
  expect(process.env.UNFOOLED_PROGRESS).toBeUndefined()
  const pgd = fools(1)
  expect(new CheckProgress({}).watch(pgd)).toBe(pgd)
})
