import { expect, test } from 'vitest'

test('one verdict', () => {
  expect(1).toBe(1)
})
