import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Decomposition } from '../src/decompositions/decomposition.js'
import { decompositions } from '../src/decompositions/rewrite.js'
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
  const add = (name: string, rules: string) => rows.set(rules, [...(rows.get(rules) ?? []), `\`${name}\``])
  for (const [name, operator] of [...operators].sort()) {
    // Some settings of an operator with rules are taken apart, too.
    if (!decompositions.has(name)) add(name, rulesOf(operator))
  }
  for (const [name, { coversRounding }] of [...decompositions].sort()) add(name, rulesOfParts(coversRounding))
  return [
    '| operators | gradient | interval bounds | linear relaxation |',
    '| --- | --- | --- | --- |',
    ...[...rows]
      .sort()
      .reverse()
      .map(([rules, names]) => `| ${names.join(', ')} | ${rules} |`),
  ].join('\n')
}

/** What an operator that is taken apart has, if its parts do. */
function rulesOfParts(coversRounding: Decomposition['coversRounding']): string {
  const bounds = typeof coversRounding === 'boolean' ? (coversRounding ? 'by parts' : 'no') : 'by parts, where exact'
  return ['by parts', bounds, bounds].join(' | ')
}

function rulesOf({ linear, elementwise, derivative, interval, relaxation }: Operator): string {
  // An operator with other rules besides the linear ones is affine only sometimes, as a product with a constant is.
  const otherwise = linear ? (elementwise || derivative || interval ? 'where affine' : 'yes') : 'no'
  const differentiable = linear || elementwise || derivative
  return [differentiable ? 'yes' : 'no', interval ? 'yes' : otherwise, relaxation ? 'yes' : otherwise].join(' | ')
}
