import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { testCommand } from '../../reporters/command.js'

test('names the file and the test, as a pattern', () => {
  expect(testCommand('jest', 'a.test.js', undefined)).toBe('npx jest a.test.js')
  expect(testCommand('vitest run', 'test/a.test.ts', 'at 8/255 (ε)')).toBe(
    String.raw`npx vitest run test/a.test.ts -t 'at 8/255 \(ε\)$'`,
  )
})

test.each(["it's", '$(exit 1) `exit 1`', 'a "b" \\ \n c'])('a shell reads %j as one word', (name) => {
  const command = testCommand('jest', name, undefined).replace('npx jest', 'printf %s')
  expect(execFileSync('sh', ['-c', command], { encoding: 'utf8' })).toBe(name)
})
