import type { Evidence } from '../../src/checks/evidence.js'
import { formatNumber } from '../../src/format.js'
import { explainAttack } from './attack.js'
import { explainBaseline } from './baseline.js'
import { explainValidity } from './bound-validity.js'
import { explainLowerBound } from './lower-bound.js'
import { explainProperty } from './property.js'
import { explainRegressionAttack } from './regression-attack.js'

/** Why an assertion failed: what was asked, what was found, and how to see it again. */
export function failureMessage(evidence: Evidence): string {
  const paragraphs = [[hint(evidence)], explain(evidence), [...advice(evidence), ...replay(evidence)]]
  return paragraphs
    .map((lines) => lines.join('\n'))
    .filter((paragraph) => paragraph !== '')
    .join('\n\n')
}

// What was asked.

function hint(evidence: Evidence): string {
  const not = evidence.assertion?.negated ? '.not' : ''
  switch (evidence.kind) {
    case 'attack':
    case 'regression-attack':
      return `expect(model)${not}.toResistAttack(${evidence.attack.name})`
    case 'lower-bound':
      return `expect(model)${not}.toHaveLowerBoundAbove(${formatNumber(evidence.radius)})`
    case 'bound-validity':
      return `expect(model)${not}.toHaveValidLowerBounds(${evidence.bound.name})`
    case 'baseline':
      return `expect(model)${not}.toMatchRobustnessBaseline(${evidence.method.name})`
    case 'property':
      return `expect(model)${not}.toSatisfyProperty(${evidence.property.name})`
  }
}

// What was found.

function explain(evidence: Evidence): string[] {
  if (evidence.verdict === 'inconclusive') {
    return [
      `Inconclusive for ${evidence.model.name}, so neither the assertion nor its opposite can pass.`,
      evidence.reason!,
    ]
  }
  switch (evidence.kind) {
    case 'attack':
      return explainAttack(evidence, evidence.finding!)
    case 'regression-attack':
      return explainRegressionAttack(evidence, evidence.finding!)
    case 'lower-bound':
      return explainLowerBound(evidence, evidence.finding!)
    case 'bound-validity':
      return explainValidity(evidence, evidence.finding!)
    case 'baseline':
      return explainBaseline(evidence, evidence.finding!, evidence.finding!.comparison!)
    case 'property':
      return explainProperty(evidence, evidence.finding!)
  }
}

// What to do.

/** What a report says where the runner tried again what had failed. */
export function triedAgain(attempt: number): string {
  return `This is attempt ${attempt} of the test: the runner tries again what fails, and what the attempts before found is not reported.`
}

function advice({ model, warnings, finding }: Evidence): string[] {
  // Where nothing was eligible, warnings about the samples only repeat it.
  const relevant = finding?.eligible === 0 ? model.warnings : new Set([...model.warnings, ...warnings])
  return Array.from(relevant, (warning) => `Warning: ${warning}`)
}

function replay(evidence: Evidence): string[] {
  if (evidence.kind === 'baseline') {
    const replay = evidence.seed === undefined ? [] : [`Replay with { seed: ${evidence.seed} }.`]
    const accept = 'If this is intended, run with -u, and have the change of the baseline reviewed.'
    return evidence.verdict === 'regressed' ? [accept, ...replay] : replay
  }
  if (evidence.kind === 'lower-bound') return []
  const path =
    evidence.kind === 'bound-validity' ? evidence.finding?.violations.find((found) => found.path)?.path : undefined
  return [`Replay with { seed: ${evidence.seed}${path === undefined ? '' : `, path: ${JSON.stringify(path)}`} }.`]
}
