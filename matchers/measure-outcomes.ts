import type { Attack } from '../src/attacks/attack.js'
import { attack as runAttack } from '../src/attacks/run-attack.js'
import type { Bound } from '../src/bounds/bound.js'
import { bound as runBound } from '../src/bounds/run-bound.js'
import type { BudgetRequest } from '../src/budget.js'
import { type ClassifiedSample, classifiedSamples } from '../src/checks/classified-samples.js'
import type { BaselineFinding } from '../src/checks/evidence.js'
import { refuseEstimate } from '../src/checks/refuse-estimate.js'
import type { Classifier } from '../src/model/classifier.js'
import type { Samples } from '../src/sampling/samples.js'

export interface MeasuredOutcomes {
  readonly finding: BaselineFinding
  readonly interrupted: boolean
  readonly warnings: readonly string[]
}

/** Finds out what every sample withstands: an attack, or perturbations within the radius that a bound certifies. */
export async function measureOutcomes(
  model: Classifier,
  method: Attack | Bound,
  samples: Samples,
  request: { readonly seed: number; readonly budget: BudgetRequest | undefined },
): Promise<MeasuredOutcomes> {
  if ('run' in method) {
    const result = await runAttack(model, method, { ...samples, ...request, keepExample: () => false })
    const unbroken = method.kind === 'fixed-epsilon' ? 1 : Number.POSITIVE_INFINITY
    return measured(result, ({ fooled, distance }) => {
      if (!fooled) return unbroken
      return method.kind === 'fixed-epsilon' ? 0 : (distance?.[method.norm] ?? Number.NaN)
    })
  }
  refuseEstimate(method)
  return measured(await runBound(model, method, { ...samples, budget: request.budget }), ({ radius }) => radius)
}

interface Measurable<Sample> extends Omit<MeasuredOutcomes, 'finding'> {
  readonly eligible: number
  readonly cleanAccuracy: number
  readonly samples: readonly Sample[]
}

function measured<Sample extends ClassifiedSample>(
  { samples, eligible, cleanAccuracy, interrupted, warnings }: Measurable<Sample>,
  withstands: (sample: Sample) => number,
): MeasuredOutcomes {
  const perSample = {
    ...classifiedSamples(samples),
    withstood: Float64Array.from(samples, (sample) => (sample.eligible ? withstands(sample) : 0)),
  }
  return { finding: { eligible, cleanAccuracy, perSample }, interrupted, warnings }
}
