import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { changeFolder, temporaryFolder, unfooled } from './command-line.js'

const parent = temporaryFolder()
let next = 0

/** Goes into a repository with these files. */
function enterRepository(files: Readonly<Record<string, string>>): void {
  const folder = join(parent, String(next++))
  mkdirSync(folder)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  changeFolder(folder)
}

const packageWith = (...names: readonly string[]) =>
  JSON.stringify({ devDependencies: Object.fromEntries(names.map((name) => [name, '*'])) })

// Changing the folder is for the whole process.
describe.sequential('init', () => {
  test('finds the runner, writes two files and says what is missing', async () => {
    enterRepository({ 'package.json': packageWith('vitest') })
    const { code, printed } = await unfooled('init')
    expect({ code, printed }).toEqual({
      code: 0,
      printed: [
        'vitest.config.mjs: written',
        'robustness.test.mjs: written',
        'To install: npm install --save-dev unfooled onnxruntime-node',
        'To run: npx vitest run',
      ].join('\n'),
    })
    expect(readFileSync('vitest.config.mjs', 'utf8')).toContain("setupFiles: ['unfooled/vitest']")
    expect(readFileSync('robustness.test.mjs', 'utf8')).toContain('toResistAttack')
  })

  test('never overwrites: a second run changes nothing', async () => {
    enterRepository({
      'package.json': packageWith('jest', 'unfooled', 'onnxruntime-node'),
      'robustness.test.js': 'mine',
    })
    const first = await unfooled('init')
    expect(first.printed).toBe(
      'jest.config.cjs: written\nrobustness.test.js exists and stays as it is.\nTo run: npx jest',
    )
    writeFileSync('jest.config.cjs', 'mine, too')
    const { code, printed } = await unfooled('init')
    expect(code).toBe(0)
    expect(printed).toMatch(
      /^jest\.config\.cjs exists and stays as it is\. It needs what this has:\n\nmodule\.exports = /,
    )
    expect(['jest.config.cjs', 'robustness.test.js'].map((file) => readFileSync(file, 'utf8'))).toEqual([
      'mine, too',
      'mine',
    ])
  })

  test.each([
    ['vite.config.ts', { 'vite.config.ts': 'export default {}', 'package.json': packageWith('vitest') }],
    ['package.json', { 'package.json': JSON.stringify({ jest: {}, devDependencies: { jest: '*' } }) }],
  ])('a configuration in %s counts', async (name, files) => {
    enterRepository(files)
    expect((await unfooled('init')).printed).toMatch(new RegExp(`^${name} exists and stays as it is`))
    expect(readdirSync('.').filter((file) => /^(vitest|jest)\.config/.test(file))).toEqual([])
  })

  test('Jest in a package of ES modules gets a CommonJS test, and is told where to look', async () => {
    enterRepository({ 'package.json': '{ "type": "module" }' })
    const { printed } = await unfooled('init', '--runner', 'jest')
    expect(printed).toContain('npm install --save-dev unfooled onnxruntime-node jest')
    expect(existsSync('robustness.test.cjs')).toBe(true)
    expect(readFileSync('jest.config.cjs', 'utf8')).toContain('testMatch')
  })

  test.each([
    ['no package.json', {}, [], /no package\.json here/],
    ['a damaged package.json', { 'package.json': '{' }, [], /package\.json cannot be read: /],
    ['a package.json that is no object', { 'package.json': 'null' }, [], /it is not an object/],
    ['no runner', { 'package.json': '{ "devDependencies": null }' }, [], /neither Vitest nor Jest/],
    ['another runner', { 'package.json': '{}' }, ['--runner', 'mocha'], /--runner must be one of vitest, jest/],
    ['arguments', { 'package.json': '{}' }, ['here'], /Unexpected argument 'here'/],
  ])('refuses %s, and writes nothing', async (_, files, args, message) => {
    enterRepository(files as Record<string, string>)
    const { code, noted, printed } = await unfooled('init', ...args)
    expect({ code, printed }).toEqual({ code: 2, printed: '' })
    expect(noted).toMatch(message)
    expect(readdirSync('.')).toEqual(Object.keys(files))
  })
})
