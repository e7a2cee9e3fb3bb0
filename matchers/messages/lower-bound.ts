import type { LowerBoundEvidence, LowerBoundFinding } from '../../src/checks/evidence.js'
import { formatCount, formatNumber, formatPercent } from '../../src/format.js'
import { excluded, indicesWhere, settingsOf, shorten } from './phrases.js'

export function explainLowerBound(evidence: LowerBoundEvidence, finding: LowerBoundFinding): string[] {
  const { model, bound, radius, fraction } = evidence
  const { certified, eligible } = finding
  const claim = `${model.name}: ${bound.name} certifies a ${bound.norm} radius above ${formatNumber(radius)} for`
  const found = `${certified} of ${formatCount(eligible, 'sample')} (${formatPercent(certified / eligible)})`
  const settings = `Bound: ${[bound.name, ...parenthesized(settingsOf(bound.settings))].join(' ')}`
  if (evidence.verdict === 'certified') {
    return [`${claim} ${found}.`, `Expected: less than ${formatPercent(fraction)}.`, settings]
  }
  const { perSample } = finding
  const open = indicesWhere(perSample.eligible)
    .filter((index) => !perSample.certified[index])
    .sort((left, right) => perSample.margins[left] - perSample.margins[right])
  return [
    `${claim} only ${found}.`,
    `Required: ${fraction === 1 ? 'all of them' : `at least ${formatPercent(fraction)}`}.`,
    settings,
    ...excluded(finding),
    'Furthest from certified (which is not to be fooled: a tighter bound may certify them):',
    ...shorten(
      open.map(
        (index) =>
          `sample ${index}: class ${perSample.labels[index]}, ${Number.isFinite(perSample.margins[index]) ? `margin at least ${formatNumber(perSample.margins[index])}` : 'nothing known about its margin'}`,
      ),
      open.length,
    ),
  ]
}

function parenthesized(parts: readonly string[]): string[] {
  return parts.length === 0 ? [] : [`(${parts.join(', ')})`]
}
