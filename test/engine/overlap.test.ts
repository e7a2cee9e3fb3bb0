import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { overlap } from '../../src/engine/overlap.js'

async function toArray<Result>(results: AsyncIterable<Result>): Promise<Result[]> {
  const all: Result[] = []
  for await (const result of results) all.push(result)
  return all
}

/** Until nothing is left to do at once. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await setImmediate()
}

test('works on two at a time, and gives results in order', async () => {
  const begun: string[] = []
  const finish = new Map<number, () => void>()
  const all = toArray(
    overlap(['a', 'b', 'c'], (item, index) => {
      begun.push(item)
      return new Promise<string>((resolve) => finish.set(index, () => resolve(item)))
    }),
  )
  await settled()
  expect(begun).toEqual(['a', 'b'])
  finish.get(1)!()
  await settled()
  expect(begun).toEqual(['a', 'b'])
  finish.get(0)!()
  await settled()
  expect(begun).toEqual(['a', 'b', 'c'])
  finish.get(2)!()
  expect(await all).toEqual(['a', 'b', 'c'])
})

test('fails with the failure of an item when the other one is done, and begins no further one', async () => {
  const begun: number[] = []
  let isDone = false
  const all = toArray(
    overlap([0, 1, 2], async (item) => {
      begun.push(item)
      if (item === 0) throw new Error('broken')
      await setImmediate()
      isDone = true
    }),
  )
  await expect(all).rejects.toThrow('broken')
  expect(isDone).toBe(true)
  expect(begun).toEqual([0, 1])
})

test('a failure that is not yet asked for waits', async () => {
  const results = overlap([0, 1], async (item) => {
    if (item === 1) throw new Error('broken')
    await setImmediate()
    return item
  })
  expect((await results.next()).value).toBe(0)
  await expect(results.next()).rejects.toThrow('broken')
})

test('one overlap feeds another: the next item is begun while what follows the last one is done', async () => {
  const begun: string[] = []
  const stage = (name: string) => async (item: number) => {
    begun.push(`${name} ${item}`)
    await setImmediate()
    return item
  }
  expect(await toArray(overlap(overlap([0, 1, 2], stage('run')), stage('check')))).toEqual([0, 1, 2])
  expect(begun).toEqual(['run 0', 'run 1', 'check 0', 'run 2', 'check 1', 'check 2'])
})
