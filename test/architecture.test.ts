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

/** Rooms of src/, from the table in docs/architecture.md: each may import itself and those above it, or beside it in its row. */
const roomsOfSrc = readFileSync(join(root, 'docs/architecture.md'), 'utf8')
  .split('| folder of `src/` | has |')[1]
  .split('\n\n')[0]
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => [...line.split('|')[1].matchAll(/`(\w+)\/`/g)].map(([, room]) => room))
const rowOf = (file: string) => roomsOfSrc.findIndex((row) => row.includes(file.split('/')[1]))
const inRoomsOfSrc = files.filter((file) => /^src\/\w+\//.test(file))

test.each(inRoomsOfSrc)('%s imports only rooms of src above its own', (file) => {
  const entered = importsOf(readFileSync(join(root, file), 'utf8'))
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => posix.join(dirname(file), specifier))
    .filter((path) => /^src\/\w+\//.test(path))
  expect(rowOf(file)).toBeGreaterThan(-1)
  expect(entered.filter((path) => rowOf(path) > rowOf(file))).toEqual([])
})

test('no file imports itself in a circle', () => {
  const importsOfFile = new Map(
    files.map((file) => {
      // Types are gone when it is run.
      const source = readFileSync(join(root, file), 'utf8').replace(/^(import|export) type [^'"]*['"][^'"]+['"]/gm, '')
      const imported = importsOf(source).map((specifier) => posix.join(dirname(file), specifier))
      return [file, imported.map((path) => path.replace(/\.js$/, '.ts'))] as const
    }),
  )
  const done = new Set<string>()
  const visit = (file: string, way: readonly string[]) => {
    expect(way).not.toContain(file)
    if (done.has(file)) return
    for (const next of importsOfFile.get(file) ?? []) visit(next, [...way, file])
    done.add(file)
  }
  for (const file of files) visit(file, [])
})

test('every room has files', () => {
  const all = [...Object.keys(rooms), ...roomsOfSrc.flat().map((room) => `src/${room}`)]
  for (const room of all) expect(files.filter((file) => file.startsWith(`${room}/`))).not.toEqual([])
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
