import { expect, test, vi } from 'vitest'

// The end of another test file, in the place of the end of this one.
const { hooks } = vi.hoisted(() => ({ hooks: [] as (() => unknown)[] }))
vi.mock('vitest', async (original) => ({
  ...(await original<typeof import('vitest')>()),
  afterAll: (hook: () => unknown) => hooks.push(hook),
}))
await import('../../matchers/vitest.js')

test('matchers that only another test file imported say how to have them in all', async () => {
  expect(hooks).toHaveLength(1)
  for (const end of hooks) await end()
  const check = expect({}).toSatisfyProperty('property.vnnlib')
  await expect(check).rejects.toThrow("name it in the configuration, setupFiles: ['unfooled/vitest']")
})
