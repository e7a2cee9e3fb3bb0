import { predictClasses } from '../../model/predict-classes.js'
import { takeSamples } from '../../sampling/rows.js'
import type { AttackContext } from '../attack.js'

/**
 * Those of the given samples that the model, run anew on their candidates, does not yet misclassify as the attack wants.
 * @param forwardQueries Counts the forward passes of each sample.
 */
export async function stillStanding(
  { model, inputs, labels, targets }: AttackContext,
  adversarial: Float32Array,
  samples: readonly number[],
  forwardQueries: Int32Array,
): Promise<number[]> {
  const predictions = await predictClasses(model, takeSamples({ ...inputs, data: adversarial }, samples))
  for (const sample of samples) forwardQueries[sample]++
  return samples.filter((sample, index) =>
    targets ? predictions[index] !== targets[sample] : predictions[index] === labels[sample],
  )
}
