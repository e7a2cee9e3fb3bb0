import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Operator } from '../src/operators/operator.js'
import { operators } from '../src/operators/registry.js'

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
const [begin, end] = ['<!-- operators -->', '<!-- /operators -->']

// `npx vitest run test/readme.test.ts -u` writes the table into the README.
test('the README lists the operators that have rules', async () => {
  const before = readme.slice(0, readme.indexOf(begin) + begin.length)
  const after = readme.slice(readme.indexOf(end))
  await expect(`${before}\n\n${operatorTable()}\n\n${after}`).toMatchFileSnapshot('../README.md')
})

/** One row for all operators with the same rules. */
function operatorTable(): string {
  const rows = new Map<string, string[]>()
  for (const [name, operator] of [...operators].sort()) {
    const rules = rulesOf(operator)
    rows.set(rules, [...(rows.get(rules) ?? []), `\`${name}\``])
  }
  return [
    '| operators | gradient | interval bounds | linear relaxation |',
    '| --- | --- | --- | --- |',
    ...[...rows]
      .sort()
      .reverse()
      .map(([rules, names]) => `| ${names.join(', ')} | ${rules} |`),
  ].join('\n')
}

function rulesOf({ linear, elementwise, derivative, interval, relaxation }: Operator): string {
  // An operator with other rules besides the linear ones is affine only sometimes, as a product with a constant is.
  const otherwise = linear ? (elementwise || derivative || interval ? 'where affine' : 'yes') : 'no'
  return ['yes', interval ? 'yes' : otherwise, relaxation ? 'yes' : otherwise].join(' | ')
}
