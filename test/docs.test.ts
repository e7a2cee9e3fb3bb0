import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { failureMessage } from '../matchers/messages/failure-message.js'
import { attackWarningRules } from '../src/attacks/warnings.js'
import type { Evidence } from '../src/checks/evidence.js'
import * as unfooled from '../src/index.js'
import { attackList } from './attack-list.mjs'
import {
  attackEvidence,
  baselineEvidence,
  inconclusiveEvidence,
  lowerBoundEvidence,
  regressionEvidence,
  validityEvidence,
} from './reporters/evidence.js'

const folder = fileURLToPath(new URL('../docs/', import.meta.url))
const read = (name: string) => readFileSync(`${folder}${name}`, 'utf8')

test('docs/README.md links every page', () => {
  const pages = readdirSync(folder).filter((name) => name !== 'README.md')
  const linked = [...read('README.md').matchAll(/^\| \[(.+)\]\(\1\)/gm)].map(([, page]) => page)
  expect(linked.toSorted()).toEqual(pages.toSorted())
})

test('docs/warnings.md has a section on every warning of attacks, in the order of the code', () => {
  const [, ofAttacks] = read('warnings.md').split(/^## /m).slice(0, 2)
  const sections = [
    ...ofAttacks.matchAll(/^### (\w+)\n\n- \*\*Raised if\*\* .*?- \*\*It means\*\* .*?- \*\*What to do\*\*: /gms),
  ]
  expect(sections.map(([, name]) => name)).toEqual(Object.keys(attackWarningRules))
})

// `npx vitest run test/docs.test.ts -u` writes tables and messages into the pages.
test('docs/attacks.md lists every attack with its settings, and has a line on each', async () => {
  const page = read('attacks.md')
  await expect(fill(page, 'attacks', attackTable())).toMatchFileSnapshot('../docs/attacks.md')
  const [, prose] = page.split('<!-- /attacks -->')
  expect(attackList(unfooled).filter(({ name }) => !prose.includes(`\`${name}`))).toEqual([])
})

test('docs/bounds.md has every bound', () => {
  const page = read('bounds.md')
  const index = readFileSync(new URL('../src/index.ts', import.meta.url), 'utf8')
  const exported = [...index.matchAll(/^export \{([^}]*)\} from '\.\/bounds\//gm)].flatMap(([, names]) =>
    names.split(','),
  )
  const bounds = exported
    .map((name) => name.trim())
    .filter((name) => /^[a-z]+$/i.test(name) && !/^bound$|^margin/.test(name))
  expect(bounds).toContain('crown')
  expect(bounds.filter((name) => !page.includes(`| \`${name}`))).toEqual([])
})

describe('docs/matchers.md', () => {
  const attack = { restarts: 1, steps: 40 }
  const closer = attackEvidence({ seed: 106419 }, { settings: attack })
  const uncertified = lowerBoundEvidence({
    verdict: 'uncertified',
    assertion: { negated: false, passed: false },
    fraction: 0.9,
  })
  const valid = validityEvidence()
  const violation = { sample: 1, label: 1, adversarialPrediction: 7, radius: 0.06, distance: 0.05, foundBy: 'deepFool' }
  const violated = validityEvidence({
    verdict: 'violated',
    assertion: { negated: false, passed: false },
    finding: { ...valid.finding!, violations: [violation] },
  })
  const messages: Record<string, Evidence> = {
    inconclusive: inconclusiveEvidence(),
    toResistAttack: closer,
    'toResistAttack, regressor': regressionEvidence(),
    toHaveLowerBoundAbove: uncertified,
    toHaveValidLowerBounds: violated,
    toMatchRobustnessBaseline: baselineEvidence(),
  }

  test('shows messages as they are printed', async () => {
    const filled = Object.entries(messages).reduce(
      (page, [name, evidence]) =>
        fill(page, `message ${name}`, `\`\`\`text\n${failureMessage(evidence)}\n\`\`\``, '/message'),
      read('matchers.md'),
    )
    await expect(filled).toMatchFileSnapshot('../docs/matchers.md')
  })
})

/** The page with something else between two comments. */
function fill(page: string, begin: string, content: string, end = `/${begin}`): string {
  const from = page.indexOf(`<!-- ${begin} -->`)
  const to = page.indexOf(`<!-- ${end} -->`, from)
  if (from < 0 || to < 0) throw new Error(`The page has no place for ${begin}.`)
  return `${page.slice(0, from)}<!-- ${begin} -->\n\n${content}\n\n${page.slice(to)}`
}

function attackTable(): string {
  const model = { description: { name: 'a surrogate', sha256: '' } } as unfooled.Classifier
  const rows = attackList(unfooled).map(({ name, norms, make }) => {
    const { kind } = make({ norm: norms[0], epsilon: 0.1, model })
    const finds = kind === 'fixed-epsilon' ? 'fixed radius' : 'closest'
    return `| \`${name}\` | ${finds} | ${printedNorms(norms)} | ${printedDefaults(name, kind, norms)} |`
  })
  return ['| attack | finds | norms | settings and defaults |', '| --- | --- | --- | --- |', ...rows].join('\n')
}

function printedNorms(norms: readonly string[]): string {
  // The list has one exponent as an example where an attack takes any.
  if (norms.some((norm) => !/^l(inf|[012])$/.test(norm))) return 'ℓp with p ≥ 1, ℓ∞'
  return norms.map((norm) => (norm === 'linf' ? 'ℓ∞' : `ℓ${norm.slice(1)}`)).join(', ')
}

/** Without those that have to be given, or are in the other columns. */
function printedDefaults(name: string, kind: string, norms: readonly string[]): string {
  const required = new Set(['norm', 'epsilon', 'surrogates', 'attack', 'attacks'])
  const fgsm = unfooled.fgsm({ epsilon: 0.1 })
  const surrogates = [{ description: { name: 'a surrogate', sha256: '' } }]
  const usual = { ...(norms.length > 1 && { norm: norms[0] }), ...(kind === 'fixed-epsilon' && { epsilon: 0.1 }) }
  const others = new Map<string, unknown>([
    ['firstSuccess', [fgsm]],
    ['transfer', { attack: fgsm, surrogates }],
    ['ensemble', { ...usual, surrogates }],
    ['iterativePerturbation', { stepSize: 0.01 }],
  ])
  const given = others.get(name) ?? usual
  const make = new Map<string, unknown>(Object.entries(unfooled)).get(name) as (settings: unknown) => unfooled.Attack
  return Object.entries(make(given).settings)
    .filter(([setting]) => !required.has(setting))
    .map(([setting, value]) => (setting === 'stepSize' ? '`stepSize`' : `\`${setting}: ${printed(value)}\``))
    .join(', ')
}

function printed(value: unknown): string {
  // Without the settings of attacks that another one starts from: these have rows of their own.
  return typeof value === 'string' ? `'${value.replace(/ \(.*?\)/g, '')}'` : String(value)
}
