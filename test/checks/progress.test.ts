import { expect, test } from 'vitest'
import { attack } from '../../src/attacks/run-attack.js'
import { bound } from '../../src/bounds/run-bound.js'
import { describeProgress, type Progress, watchProgress } from '../../src/checks/progress.js'
import { exactBound, fools, samplesBelow, thresholdModel } from '../matchers/subject.js'

function told() {
  const seen: (Progress | undefined)[] = []
  return { seen, tell: (progress: Progress | undefined) => void seen.push(progress) }
}

test('an attack tells of its progress, where it did before, and does what it did', async () => {
  const model = await thresholdModel()
  const stub = fools(3)
  class Custom {
    name = 'custom'
    kind = stub.kind
    norm = stub.norm
    epsilon = stub.epsilon
    settings = stub.settings
    run(...[context]: Parameters<typeof stub.run>) {
      context.progress(0.5, 2)
      return stub.run(context)
    }
  }
  const { seen, tell } = told()
  const heard: unknown[] = []
  const samples = samplesBelow(5)
  const watched = watchProgress(new Custom(), tell)
  const result = await attack(model, watched, { ...samples, onProgress: (...progress) => heard.push(progress) })
  expect(result.fooled).toBe(3)
  expect(result.attack.name).toBe('custom')
  const milliseconds = expect.any(Number)
  expect(seen).toEqual([
    { name: 'custom', fraction: 0, fooled: undefined, milliseconds },
    { name: 'custom', fraction: 0.5, fooled: 2, milliseconds },
    undefined,
  ])
  expect(heard).toEqual([
    [0.5, 2],
    [1, 3],
  ])
})

test('a bound tells which evaluation it is at', async () => {
  const model = await thresholdModel()
  const { seen, tell } = told()
  const { margins, ...exact } = exactBound()
  const halfway: typeof margins = (context, epsilon) => {
    context.progress?.(0.5)
    return margins(context, epsilon)
  }
  const watched = watchProgress({ ...exact, margins: halfway }, tell)
  const result = await bound(model, watched, samplesBelow(5))
  expect(result.median).toBeCloseTo(0.48)
  const evaluations = seen.flatMap((progress) => (progress?.fraction === 0.5 ? [progress.evaluation] : []))
  expect(evaluations.length).toBeGreaterThan(1)
  expect(evaluations).toEqual(evaluations.map((_, index) => index + 1))
  expect(seen.at(-1)).toBeUndefined()
})

test('the end is told when an attack fails, and what is no attack is for others to refuse', async () => {
  const { seen, tell } = told()
  const broken = watchProgress({ name: 'broken', run: () => Promise.reject(new Error('broken')) }, tell)
  await expect(broken.run()).rejects.toThrow('broken')
  expect(seen.at(-1)).toBeUndefined()
  for (const nothing of [undefined, null, 'pgd']) expect(watchProgress(nothing, tell)).toBe(nothing)
})

test('says what, how far, the best so far, and the time left', () => {
  const say = (changes: Partial<Progress>, waited?: number) =>
    describeProgress({ name: 'square', fraction: 0.25, milliseconds: 4000, ...changes }, 'm.onnx', waited)
  expect(say({})).toBe('square on m.onnx: 25 %, about 12 s left')
  expect(say({ fooled: 7 }, 5000)).toBe('square on m.onnx: 25 %, 7 fooled so far, about 7 s left')
  expect(say({}, 60_000)).toBe('square on m.onnx: 25 %, about 0 ms left')
  expect(say({ fraction: 0, evaluation: 2 }, 1000)).toBe('square on m.onnx: evaluation 2, under way for 5 s')
})
