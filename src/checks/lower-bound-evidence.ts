import type { Bound } from '../bounds/bound.js'
import { marginBounds } from '../bounds/run-bound.js'
import { type BudgetRequest, startBudget } from '../budget.js'
import { checkInputs, checkLabels } from '../model/check-inputs.js'
import type { Classifier } from '../model/classifier.js'
import { predictClasses } from '../model/predict-classes.js'
import { takeSamples } from '../sampling/rows.js'
import type { Samples } from '../sampling/samples.js'
import { analyse } from './analysis.js'
import { describeBound, describeModelAndSamples } from './describe.js'
import type { LowerBoundEvidence, LowerBoundFinding } from './evidence.js'
import { judgeLowerBound, withVerdict } from './judgement.js'
import { refuseEstimate } from './refuse-estimate.js'

/**
 * Counts the samples whose certified radius is above the given one, by one evaluation of the bound at this radius: when
 * all margins are positive on the closed ball, they are so on a slightly larger one. A bound that cannot run is
 * inconclusive.
 */
export async function lowerBoundEvidence(
  model: Classifier,
  bound: Bound,
  samples: Samples,
  {
    radius,
    fraction,
    budget,
  }: Pick<LowerBoundEvidence, 'radius' | 'fraction'> & { readonly budget: BudgetRequest | undefined },
): Promise<LowerBoundEvidence> {
  const {
    finding: certification,
    reason,
    milliseconds,
  } = await analyse(() => certify(model, bound, samples, radius, budget))
  const evidence = {
    kind: 'lower-bound' as const,
    ...describeModelAndSamples(model.description, samples),
    bound: describeBound(bound),
    radius,
    fraction,
    finding: certification?.finding,
    warnings: certification?.warnings ?? [],
    interrupted: certification?.interrupted ?? false,
    milliseconds,
  }
  return withVerdict(evidence, reason, judgeLowerBound)
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
  refuseEstimate(bound)
  const budget = startBudget(request)
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
