import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { overlap } from '../../src/engine/overlap.js'

test('works on two at a time, in order', async () => {
  const events: string[] = []
  const finished = await overlap([30, 10, 10], 2, async (milliseconds, index) => {
    events.push(`begin ${index}`)
    await setTimeout(milliseconds)
    events.push(`end ${index}`)
    return true
  })
  expect(finished).toBe(true)
  expect(events).toEqual(['begin 0', 'begin 1', 'end 1', 'begin 2', 'end 2', 'end 0'])
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
