import { expect, test, vi } from 'vitest'
import { inRepository, pathIn } from '../../reporters/location.js'

vi.mock('node:path', async (original) => {
  const { posix, win32 } = await original<typeof import('node:path')>()
  return { ...win32, posix }
})

test('paths of Windows have slashes', () => {
  expect(pathIn(String.raw`C:\repo`, String.raw`C:\repo\test\a.test.ts`)).toBe('test/a.test.ts')
  expect(inRepository('test/a.test.ts', String.raw`packages\model`)).toBe('packages/model/test/a.test.ts')
})
