import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { attackWarningRules } from '../src/attacks/warnings.js'

const read = (name: string) => readFileSync(fileURLToPath(new URL(`../docs/${name}`, import.meta.url)), 'utf8')

test('docs/warnings.md has a section on every warning of attacks, in the order of the code', () => {
  const [, ofAttacks] = read('warnings.md').split(/^## /m).slice(0, 2)
  const sections = [
    ...ofAttacks.matchAll(/^### (\w+)\n\n- \*\*Raised if\*\* .*?- \*\*It means\*\* .*?- \*\*What to do\*\*: /gms),
  ]
  expect(sections.map(([, name]) => name)).toEqual(Object.keys(attackWarningRules))
})
