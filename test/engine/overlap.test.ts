import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { overlap } from '../../src/engine/overlap.js'

test('works on two at a time, in order', async () => {
  const events: string[] = []
  const done = new Map<number, (goesOn: boolean) => void>()
  const finished = overlap(['a', 'b', 'c'], 2, (item, index) => {
    events.push(`begin ${item}`)
    return new Promise((resolve) => done.set(index, resolve))
  })
  expect(events).toEqual(['begin a', 'begin b'])
  done.get(1)!(true)
  await setImmediate()
  expect(events).toEqual(['begin a', 'begin b', 'begin c'])
  done.get(0)!(true)
  done.get(2)!(true)
  expect(await finished).toBe(true)
})

test('begins nothing after one said false', async () => {
  const begun: number[] = []
  const finished = await overlap([0, 1, 2, 3], 1, async (item) => {
    begun.push(item)
    return item < 1
  })
  expect(finished).toBe(false)
  expect(begun).toEqual([0, 1])
})

test('fails with the first failure', async () => {
  await expect(overlap([0, 1], 2, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken')
})
