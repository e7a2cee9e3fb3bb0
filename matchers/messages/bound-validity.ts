import type { BoundValidityEvidence, BoundValidityFinding } from '../../src/checks/evidence.js'
import { formatCount, formatNumber } from '../../src/format.js'
import { shorten } from './phrases.js'

export function explainValidity(evidence: BoundValidityEvidence, finding: BoundValidityFinding): string[] {
  const { model, bound, attacks } = evidence
  const { violations, minimum, median, eligible } = finding
  if (evidence.verdict === 'valid') {
    const tried = [
      ...attacks.map(({ name }) => name),
      ...(finding.runs > 0 ? [formatCount(finding.runs, 'random perturbation')] : []),
    ]
    return [
      `The ${bound.norm} radii that ${bound.name} certifies for ${formatCount(eligible, 'sample')} of ${model.name} (smallest ${formatNumber(minimum)}, median ${formatNumber(median)}) withstood ${tried.join(', ')}.`,
      'Expected: an adversarial example within one of them.',
    ]
  }
  return [
    `${bound.name} certifies radii for ${model.name} within which there are adversarial examples: this is a defect of the bound, not of the model.`,
    ...shorten(
      violations
        .toSorted((left, right) => left.distance / left.radius - right.distance / right.radius)
        .map(
          ({ sample, label, adversarialPrediction, distance, radius, foundBy }) =>
            `sample ${sample}: class ${label} → ${adversarialPrediction} at ${bound.norm} distance ${formatNumber(distance)}, certified up to ${formatNumber(radius)}, found by ${foundBy}`,
        ),
      violations.length,
    ),
  ]
}
