import type { AttackEvidence, AttackFinding } from '../../src/checks/evidence.js'
import { formatNumber, formatPercent } from '../../src/format.js'
import { describeMethod, excluded, fooledOf, indicesWhere, shorten } from './phrases.js'

export function explainAttack(evidence: AttackEvidence, finding: AttackFinding): string[] {
  const { model, attack, maxFoolingRatio } = evidence
  const found = fooledOf(finding)
  const limit = `${formatPercent(maxFoolingRatio)}${evidence.confidence === undefined ? '' : ` at ${formatPercent(evidence.confidence)} confidence`}`
  const settings = describeMethod('Attack', attack)
  if (evidence.verdict === 'resists') {
    return [`${model.name} resists: fooled on ${found}.`, `Expected: more than ${limit}.`, settings]
  }
  return [
    `${model.name} is fooled on ${found}.`,
    `Accepted: ${maxFoolingRatio === 0 ? 'none' : `at most ${limit}`}.`,
    settings,
    ...excluded(finding),
    'Closest adversarial examples:',
    ...closestExamples(evidence, finding),
  ]
}

function closestExamples({ attack }: AttackEvidence, { fooled, perSample }: AttackFinding): string[] {
  const { labels, adversarialPredictions, distances } = perSample
  const closest = indicesWhere(perSample.fooled).sort((left, right) => distances[left] - distances[right])
  return shorten(
    closest.map(
      (index) =>
        `sample ${index}: class ${labels[index]} → ${adversarialPredictions[index]} at ${attack.norm} distance ${formatNumber(distances[index])}`,
    ),
    fooled,
  )
}
