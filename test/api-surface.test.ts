import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { createMatchers } from '../matchers/matchers.js'

const root = new URL('../', import.meta.url)
const { exports } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))

// `npx vitest run test/api-surface.test.ts -u` accepts a change.
test('the package exports the names that are written down', async () => {
  const entries = Object.entries<{ import?: { default: string } }>(exports).flatMap(([name, { import: target }]) =>
    target ? [[name, target.default.replace('./dist/esm/', '').replace(/\.js$/, '.ts')] as const] : [],
  )
  const matchers = Object.keys(
    createMatchers(() => ({
      budget: {},
      baselines: { testFile: undefined, test: undefined, update: 'none' },
      record: () => {},
    })),
  )
  const groups = [...entries.map(([name, file]) => [name, ...exportedNames(file)]), ['matchers', ...matchers]]
  await expect(groups.map((lines) => `${lines.join('\n  ')}\n`).join('\n')).toMatchFileSnapshot('api-surface.txt')
})

/** Values and types, as the file declares or passes them on. */
function exportedNames(file: string): string[] {
  const text = readFileSync(new URL(file, root), 'utf8')
  const declared = text.matchAll(
    /^export (default )?(?:async |abstract )*(?:function|class|const|interface|type) (\w+)/gm,
  )
  const passedOn = text.matchAll(/^export (?:type )?\{([^}]*)\}/gm)
  return [
    ...[...declared].map(([, isDefault, name]) => (isDefault ? 'default' : name)),
    ...[...passedOn].flatMap(([, names]) => names.split(',').map((name) => name.trim().replace(/^type |^.* as /, ''))),
  ]
    .filter((name) => name !== '')
    .sort()
}
