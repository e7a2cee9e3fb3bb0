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

function operatorTable(): string {
  const names = [...operators.keys()].sort()
  const namesOf = (has: (operator: Operator) => unknown) =>
    names.filter((name) => has(operators.get(name)!)).map((name) => `\`${name}\``)
  const linear = namesOf(({ linear }) => linear)
  const nonlinear = (has: (operator: Operator) => unknown) => namesOf((operator) => !operator.linear && has(operator))
  const rows = [
    ['all analyses, where affine in the activations', linear],
    ['gradient', nonlinear(({ elementwise, derivative }) => elementwise ?? derivative)],
    ['interval bounds', nonlinear(({ interval }) => interval)],
    ['linear relaxation', nonlinear(({ relaxation }) => relaxation)],
  ] as const
  return [
    '| rules for | operators |',
    '| --- | --- |',
    ...rows.map(([rule, list]) => `| ${rule} | ${list.join(', ')} |`),
  ].join('\n')
}
