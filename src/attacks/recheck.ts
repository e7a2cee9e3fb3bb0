import { distance } from '../geometry/norm.js'
import { clipToDomain, projectOntoBall } from '../geometry/projection.js'
import { CheckedInputs } from '../model/check-inputs.js'
import { predictClasses } from '../model/predict-classes.js'
import { rowOf } from '../sampling/rows.js'
import type { Attack, AttackCandidates, AttackContext, AttackedSample } from './attack.js'

/** What became of a sample that was attacked. */
export type Outcome = Omit<AttackedSample, 'eligible' | 'label' | 'prediction'>

/**
 * Moves copies of the candidates into domain and ball, where rounding left them a hair outside, and asks the model again.
 */
export async function recheck(
  method: Attack,
  context: AttackContext,
  candidates: AttackCandidates,
): Promise<Outcome[]> {
  const { model, inputs, epsilons, labels, targets } = context
  const { data, shape } = inputs
  const size = model.domain.lower.length
  // An attack may propose again what it proposed.
  const adversarial = new Float32Array(candidates.adversarial)
  const row = (values: Float32Array, sample: number) => rowOf(values, size, sample)
  labels.forEach((_, sample) => {
    const point = row(adversarial, sample)
    if (!epsilons) clipToDomain(point, model.domain)
    else
      projectOntoBall(point, { norm: method.norm, center: row(data, sample), radius: epsilons[sample] }, model.domain)
  })
  const predictions = await predictClasses(model, new CheckedInputs({ data: adversarial, shape }, model.domain))
  return Array.from(labels, (label, sample) => {
    const fooled = targets ? predictions[sample] === targets[sample] : predictions[sample] !== label
    const point = row(adversarial, sample)
    return {
      fooled,
      adversarialPrediction: fooled ? predictions[sample] : label,
      distance: fooled ? distance(row(data, sample), point, method.norm) : undefined,
      adversarial: fooled ? point.slice() : undefined,
      ...(fooled && candidates.foundBy?.[sample] !== undefined && { foundBy: candidates.foundBy[sample] }),
      steps: candidates.steps[sample],
      gradientQueries: candidates.gradientQueries[sample],
      forwardQueries: candidates.forwardQueries?.[sample] ?? 0,
    }
  })
}
