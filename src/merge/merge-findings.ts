import type {
  AttackFinding,
  BaselineEvidence,
  BaselineFinding,
  BoundValidityFinding,
  ErrorLimit,
  LowerBoundFinding,
  RegressionFinding,
} from '../checks/evidence.js'
import { closestOfEachClass, largestErrors } from '../checks/telling-samples.js'
import { comparePaired, compareUnpaired } from '../measures/compare-outcomes.js'
import { binomialInterval } from '../statistics/binomial.js'
import { median } from '../statistics/median.js'
import { interleaveAll } from './interleave.js'
import { mergePictures } from './merge-pictures.js'

/** Findings of all shards of a check, in their order: totals are computed anew from the outcomes of the samples. */
export function mergeAttackFindings(findings: readonly AttackFinding[]): AttackFinding {
  const perSample = interleaveAll(findings.map((finding) => finding.perSample))
  const { labels, predictions, distances } = perSample
  const eligible = ones(perSample.eligible)
  const fooled = ones(perSample.fooled)
  const correct = agreeing(labels, predictions)
  const unproved = findings.reduce((sum, finding) => sum + (finding.unproved ?? 0), 0)
  return {
    eligible,
    fooled,
    foolingRatio: binomialInterval(fooled, eligible),
    cleanAccuracy: correct / labels.length,
    robustAccuracy: (correct - fooled) / labels.length,
    medianDistance: median(Array.from(distances).filter((_, sample) => perSample.fooled[sample] === 1)),
    gradientQueries: findings.reduce((sum, { gradientQueries }) => sum + gradientQueries, 0),
    ...(unproved > 0 && { unproved }),
    pictures: mergePictures(findings, closestOfEachClass(perSample)),
    perSample,
  }
}

export function mergeRegressionFindings(findings: readonly RegressionFinding[], limit: ErrorLimit): RegressionFinding {
  const perSample = interleaveAll(findings.map((finding) => finding.perSample))
  const eligible = ones(perSample.eligible)
  const fooled = ones(perSample.fooled)
  return {
    eligible,
    fooled,
    foolingRatio: binomialInterval(fooled, eligible),
    medianCleanPsnr: median(Array.from(perSample.cleanPsnrs)),
    medianOutputPsnr: median(Array.from(perSample.outputPsnrs)),
    medianInputPsnr: median(Array.from(perSample.inputPsnrs)),
    medianDistance: median(Array.from(perSample.distances).filter((_, sample) => perSample.fooled[sample] === 1)),
    gradientQueries: findings.reduce((sum, { gradientQueries }) => sum + gradientQueries, 0),
    pictures: mergePictures(findings, largestErrors(perSample, limit)),
    perSample,
  }
}

export function mergeLowerBoundFindings(findings: readonly LowerBoundFinding[]): LowerBoundFinding {
  const perSample = interleaveAll(findings.map((finding) => finding.perSample))
  const eligible = ones(perSample.eligible)
  return {
    eligible,
    certified: ones(perSample.certified),
    cleanAccuracy: eligible / perSample.labels.length,
    perSample,
  }
}

export function mergeValidityFindings(findings: readonly BoundValidityFinding[]): BoundValidityFinding {
  const perSample = interleaveAll(findings.map((finding) => finding.perSample))
  const eligible = ones(perSample.eligible)
  const radii = Array.from(perSample.radii).filter((_, sample) => perSample.eligible[sample] === 1)
  return {
    eligible,
    cleanAccuracy: eligible / perSample.labels.length,
    minimum: radii.reduce((least, radius) => Math.min(least, radius), radii[0] ?? Number.NaN),
    median: median(radii),
    runs: findings.reduce((sum, { runs }) => sum + runs, 0),
    violations: findings.flatMap(({ violations }, shard) =>
      violations.map((violation) => ({ ...violation, sample: shard + violation.sample * findings.length })),
    ),
    perSample,
  }
}

export function mergeBaselineFindings(
  findings: readonly BaselineFinding[],
  { confidence }: Pick<BaselineEvidence, 'confidence'>,
): BaselineFinding {
  const perSample = interleaveAll(findings.map((finding) => finding.perSample))
  const { withstood, before, labels, predictions } = perSample
  const comparison = before && {
    comparison: findings[0].comparison!.paired
      ? comparePaired(before, withstood)
      : compareUnpaired(before, withstood, confidence),
  }
  return {
    eligible: ones(perSample.eligible),
    cleanAccuracy: agreeing(labels, predictions) / labels.length,
    ...comparison,
    perSample,
  }
}

function ones(flags: Uint8Array): number {
  return flags.filter((flag) => flag === 1).length
}

function agreeing(labels: Int32Array, predictions: Int32Array): number {
  return labels.filter((label, sample) => label === predictions[sample]).length
}
