import type { Bound } from '../src/bounds/bound.js'
import { marginBounds } from '../src/bounds/run-bound.js'
import { Budget, type BudgetRequest } from '../src/budget.js'
import { analyse } from '../src/checks/analysis.js'
import { describeCheck, type LowerBoundEvidence, type LowerBoundFinding } from '../src/checks/evidence.js'
import { judgeLowerBound } from '../src/checks/judgement.js'
import { SettingsError } from '../src/errors.js'
import type { Norm } from '../src/geometry/norm.js'
import { checkInputs, checkLabels } from '../src/model/check-inputs.js'
import type { Classifier } from '../src/model/classifier.js'
import { predictClasses } from '../src/model/predict-classes.js'
import { takeSamples } from '../src/sampling/rows.js'
import type { Samples } from '../src/sampling/samples.js'
import { refuseUnknown } from '../src/unknown-settings.js'
import { requireBoundIn, requireClassifier, requireNumber, requireSamples } from './arguments.js'

export interface LowerBoundAboveOptions {
  readonly samples: Samples
  /** Norm that the radius is measured in: that of the bound. */
  readonly norm: Norm
  /** A sound bound: an estimate certifies nothing. */
  readonly bound: Bound
  /** Smallest fraction of the eligible samples that has to be certified. Default 1: all of them. */
  readonly fraction?: number
  /** Default: 90 % of what is left of the test's timeout. */
  readonly budget?: BudgetRequest
}

/**
 * Counts the samples whose certified radius is above the given one, by one evaluation of the bound at this radius: when
 * all margins are positive on the closed ball, they are so on a slightly larger one.
 */
export async function checkLowerBound(
  received: unknown,
  radius: number,
  options: LowerBoundAboveOptions,
): Promise<LowerBoundEvidence> {
  const model = requireClassifier(received)
  requireNumber('The radius', radius, 'a finite number from 0', (value) => Number.isFinite(value) && value >= 0)
  const samples = requireSamples(options)
  const { samples: _, norm, bound: given, fraction = 1, budget, ...others } = options
  refuseUnknown('toHaveLowerBoundAbove', others)
  const bound = requireBoundIn(norm, given)
  requireNumber('fraction', fraction, 'above 0 and at most 1', (value) => value > 0 && value <= 1)

  const start = performance.now()
  const { finding: certification, reason } = await analyse(() => certify(model, bound, samples, radius, budget))
  const finding = certification?.finding
  const evidence = {
    kind: 'lower-bound',
    ...describeCheck(model.description, samples),
    bound: { name: bound.name, norm: bound.norm, sound: bound.sound, settings: bound.settings },
    radius,
    fraction,
    finding,
    warnings: certification?.warnings ?? [],
    interrupted: certification?.interrupted ?? false,
    milliseconds: performance.now() - start,
  } as const
  if (!finding) return { ...evidence, verdict: 'inconclusive', reason }
  return { ...evidence, ...judgeLowerBound(finding, evidence) }
}

interface Certification {
  readonly finding: LowerBoundFinding
  readonly interrupted: boolean
  readonly warnings: readonly string[]
}

async function certify(
  model: Classifier,
  bound: Bound,
  { inputs, labels: given }: Samples,
  radius: number,
  request: BudgetRequest | undefined,
): Promise<Certification> {
  if (!bound.sound) {
    throw new SettingsError(
      `${bound.name} with these settings is an estimate, and an estimate proves nothing. Use a sound bound.`,
    )
  }
  const budget = new Budget(request)
  checkInputs(inputs, model)
  const [count] = inputs.shape
  const predictions = await predictClasses(model, inputs)
  const labels = given ? checkLabels(given, count, model) : predictions
  const eligible = Array.from(labels.keys()).filter((sample) => labels[sample] === predictions[sample])

  const margins = new Float64Array(count).fill(Number.NaN)
  const bounds = await marginBounds(model, bound, {
    inputs: takeSamples(inputs, eligible),
    labels: Int32Array.from(eligible, (sample) => labels[sample]),
    epsilon: radius,
    budget: request,
  })
  eligible.forEach((sample, index) => {
    const row = bounds.subarray(index * model.classes, (index + 1) * model.classes)
    margins[sample] = Math.min(...row.filter((_, other) => other !== labels[sample]))
  })
  const finding: LowerBoundFinding = {
    eligible: eligible.length,
    certified: margins.filter((margin) => margin > 0).length,
    cleanAccuracy: eligible.length / count,
    perSample: {
      eligible: Uint8Array.from(labels, (label, sample) => Number(label === predictions[sample])),
      labels,
      predictions,
      certified: Uint8Array.from(margins, (margin) => Number(margin > 0)),
      margins,
    },
  }
  return {
    finding,
    // Nothing is known about a sample that the budget did not reach.
    interrupted: budget.exhausted && margins.includes(Number.NEGATIVE_INFINITY),
    warnings: model.description.warnings,
  }
}
