import type { ErrorLimit, RegressionAttackEvidence, RegressionFinding } from '../../src/checks/evidence.js'
import { beyond, decibels } from '../../src/checks/reasons.js'
import { formatCount, formatNumber, formatPercent } from '../../src/format.js'
import { describeMethod, fooledOf, indicesWhere, shorten } from './phrases.js'

export function explainRegressionAttack(evidence: RegressionAttackEvidence, finding: RegressionFinding): string[] {
  const { model, attack, limit, maxFoolingRatio } = evidence
  const { eligible, perSample, medianCleanPsnr, medianOutputPsnr, medianInputPsnr } = finding
  const found = `${beyond(limit)} on ${fooledOf(finding)}`
  const settings = [
    describeMethod('Attack', attack),
    `Median PSNR of the outputs: ${decibels(medianOutputPsnr)}, without the attack ${decibels(medianCleanPsnr)}; of the inputs: ${decibels(medianInputPsnr)}.`,
  ]
  if (evidence.verdict === 'resists') {
    return [`${model.name} resists: ${found}.`, `Expected: more than ${formatPercent(maxFoolingRatio)}.`, ...settings]
  }
  const left = perSample.eligible.length - eligible
  return [
    `${model.name} gives outputs with ${found}.`,
    `Accepted: ${maxFoolingRatio === 0 ? 'none' : `at most ${formatPercent(maxFoolingRatio)}`}.`,
    ...settings,
    ...(left === 0
      ? []
      : [`Not counted: ${left} of ${formatCount(perSample.eligible.length, 'sample')}, beyond the limit as they are.`]),
    'Largest errors:',
    ...largestErrors(evidence, finding),
  ]
}

function largestErrors(
  { attack, limit }: RegressionAttackEvidence,
  { fooled, perSample }: RegressionFinding,
): string[] {
  const { errors, cleanErrors, distances } = perSample
  const worse = (left: number, right: number) =>
    limit.quantity === 'psnr' ? errors[left] - errors[right] : errors[right] - errors[left]
  const lines = indicesWhere(perSample.fooled)
    .sort(worse)
    .map(
      (index) =>
        `sample ${index}: ${amount(limit, errors[index])}, without the attack ${amount(limit, cleanErrors[index])}, at ${attack.norm} distance ${formatNumber(distances[index])}`,
    )
  return shorten(lines, fooled)
}

function amount({ quantity }: ErrorLimit, error: number): string {
  if (quantity === 'psnr') return `PSNR ${decibels(error)}`
  return `${quantity === 'mse' ? 'MSE' : 'loss'} ${formatNumber(error)}`
}
