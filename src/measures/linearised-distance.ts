import { checkCall, refuseUnknown } from '../arguments.js'
import { SettingsError } from '../errors.js'
import { type AttackNorm, distance, exponent } from '../geometry/norm.js'
import { checkInputs, checkLabels } from '../model/check-inputs.js'
import type { Classifier } from '../model/classifier.js'
import { largestBatch } from '../model/predict-classes.js'
import { batches, range, rowOf, takeSamples } from '../sampling/rows.js'
import type { Inputs } from '../sampling/samples.js'

/** Distances to the boundary of the linearised model, in input units. */
export interface LinearisedDistance {
  /** Per sample; NaN where the sample is misclassified, infinite where the gradient vanishes. */
  readonly distances: Float64Array
  /** ρ̂₂: mean over the correctly classified samples; NaN without any. */
  readonly mean: number
}

/**
 * The margin over the dual norm of its gradient: the distance to the boundary of the linearised model, a first-order
 * estimate and no certificate (Balda, Behboodi and Mathar, "Perturbation analysis of learning algorithms", Theorem 1 and
 * §II-B).
 * @throws SampleError when inputs or labels do not fit the model, SettingsError for a norm below ℓ1,
 * UnsupportedOperatorError when the model has an operator without a gradient rule.
 */
export async function linearisedDistance(
  model: Classifier,
  request: { readonly inputs: Inputs; readonly labels: ArrayLike<number>; readonly norm: AttackNorm },
): Promise<LinearisedDistance> {
  checkCall("linearisedDistance(model, { inputs, labels, norm: 'l2' })", [model, 'classes'], [request, 'inputs'])
  const { inputs, labels: given, norm, ...others } = request
  refuseUnknown('linearisedDistance()', others)
  const p = exponent(norm)
  if (!(p >= 1)) throw new SettingsError(`linearisedDistance needs an exponent of at least 1; norm is "${norm}".`)
  checkInputs(inputs, model)
  const [count] = inputs.shape
  const labels = checkLabels(given, count, model)
  const dual: AttackNorm = p === 1 ? 'linf' : p === Number.POSITIVE_INFINITY ? 'l1' : `l${p / (p - 1)}`
  const size = model.domain.lower.length
  const origin = new Float32Array(size)
  const distances = new Float64Array(count)
  for (const batch of batches(range(count), largestBatch(model, 2))) {
    const part = takeSamples(inputs, batch)
    const ofPart = batch.map((sample) => labels[sample])
    const logits = await model.predict(part)
    const gradients = await model.inputGradient(part, ofPart, 'margin')
    batch.forEach((sample, index) => {
      const row = rowOf(logits, model.classes, index)
      const rivals = row.filter((_, label) => label !== labels[sample])
      const margin = row[labels[sample]] - Math.max(...rivals)
      const slope = distance(origin, rowOf(gradients, size, index), dual)[dual]
      distances[sample] = margin > 0 ? margin / slope : Number.NaN
    })
  }
  const known = distances.filter((value) => !Number.isNaN(value))
  return { distances, mean: known.reduce((sum, value) => sum + value, 0) / known.length }
}
