import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { attackWarningRules } from '../src/attacks/warnings.js'
import * as unfooled from '../src/index.js'
import { attackList } from './attack-list.mjs'

const read = (name: string) => readFileSync(fileURLToPath(new URL(`../docs/${name}`, import.meta.url)), 'utf8')

test('docs/warnings.md has a section on every warning of attacks, in the order of the code', () => {
  const [, ofAttacks] = read('warnings.md').split(/^## /m).slice(0, 2)
  const sections = [
    ...ofAttacks.matchAll(/^### (\w+)\n\n- \*\*Raised if\*\* .*?- \*\*It means\*\* .*?- \*\*What to do\*\*: /gms),
  ]
  expect(sections.map(([, name]) => name)).toEqual(Object.keys(attackWarningRules))
})

// `npx vitest run test/docs.test.ts -u` writes the table into the page.
test('docs/attacks.md lists every attack', async () => {
  const page = read('attacks.md')
  const [begin, end] = ['<!-- attacks -->', '<!-- /attacks -->']
  const before = page.slice(0, page.indexOf(begin) + begin.length)
  const after = page.slice(page.indexOf(end))
  await expect(`${before}\n\n${attackTable()}\n\n${after}`).toMatchFileSnapshot('../docs/attacks.md')
})

function attackTable(): string {
  const model = { description: { name: 'a surrogate' } } as unfooled.Classifier
  const rows = attackList(unfooled).map(({ name, norms, make }) => {
    const { kind } = make({ norm: norms[0], epsilon: 0.1, model })
    const finds = kind === 'fixed-epsilon' ? 'fixed radius' : 'closest'
    return `| \`${name}\` | ${finds} | ${printed(norms)} |`
  })
  return ['| attack | finds | norms |', '| --- | --- | --- |', ...rows].join('\n')
}

function printed(norms: readonly string[]): string {
  // The list has one exponent as an example where an attack takes any.
  if (norms.some((norm) => !/^l(inf|[012])$/.test(norm))) return 'ℓp with p ≥ 1, ℓ∞'
  return norms.map((norm) => (norm === 'linf' ? 'ℓ∞' : `ℓ${norm.slice(1)}`)).join(', ')
}
