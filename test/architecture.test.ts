import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Modules of this repository that each room may import from, besides itself. */
const rooms: Record<string, readonly string[]> = {
  src: [],
  matchers: ['src'],
  reporters: ['src'],
  fixtures: ['src'],
}

/** The only files that may know a test runner. */
const runnerFiles = /^(matchers|reporters)\/(record|vitest|jest)\.ts$/
const runners = /^(vitest|jest|expect|@vitest|@jest|@types\/jest)(\/|$)/

const files = Object.keys(rooms)
  .flatMap((room) => listFiles(join(root, room)))
  .map((file) => file.slice(root.length).replaceAll('\\', '/'))

test.each(files)('%s imports only what its room may', (file) => {
  const [room] = file.split('/')
  const imports = importsOf(readFileSync(join(root, file), 'utf8'))
  const entered = imports
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => posix.join(dirname(file), specifier).split('/')[0])
  expect([room, ...rooms[room]]).toEqual(expect.arrayContaining(entered))
  // Its own package only by relative paths: the built one may be another version.
  expect(imports.filter((specifier) => /^unfooled(\/|$)/.test(specifier))).toEqual([])
  if (!runnerFiles.test(file)) expect(imports.filter((specifier) => runners.test(specifier))).toEqual([])
})

test('every room has files', () => {
  for (const room of Object.keys(rooms)) expect(files.filter((file) => file.startsWith(`${room}/`))).not.toEqual([])
})

test('src prints nothing', () => {
  const printing = files.filter(
    (file) => file.startsWith('src/') && /\bconsole\./.test(readFileSync(join(root, file), 'utf8')),
  )
  expect(printing).toEqual([])
})

test('finds every form of import', () => {
  const source = [
    "import a from 'a'",
    "import { b,\n  c } from './b.js'",
    "import './side-effect.js'",
    "export * from './d.js'",
    "export { e } from './e.js'",
    "const f = await import('f')",
    "type G = typeof import('g')",
    "const h = require('h')",
    "declare module 'i' {",
  ].join('\n')
  expect(importsOf(source)).toEqual(['a', './b.js', './side-effect.js', './d.js', './e.js', 'f', 'g', 'h', 'i'])
})

function importsOf(source: string): string[] {
  const pattern =
    /(?:^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*|^\s*import\s*|\bimport\(\s*|\brequire\(\s*|\bdeclare module\s*)['"]([^'"]+)['"]/gm
  return [...source.matchAll(pattern)].map(([, specifier]) => specifier)
}

function listFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.c?[jt]s$/.test(name))
    .map((name) => join(folder, name))
}
