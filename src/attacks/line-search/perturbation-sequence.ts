import { checkCall, refuseUnknown } from '../../arguments.js'
import { type BudgetRequest, budgetSettings } from '../../budget.js'
import { now } from '../../clock.js'
import type { Distance } from '../../geometry/norm.js'
import { checkInputs } from '../../model/check-inputs.js'
import type { Classifier } from '../../model/classifier.js'
import { range, rowOf } from '../../sampling/rows.js'
import type { Inputs } from '../../sampling/samples.js'
import { checkCount } from '../check-settings.js'
import { attack } from '../run-attack.js'
import { fastGradientSignSearch } from './fast-gradient-sign-search.js'

export interface PerturbationSequenceRequest {
  readonly inputs: Inputs
  /** How often each image is perturbed. Default 5. */
  readonly length?: number
  readonly budget?: BudgetRequest
}

/** What became of one sample. The sequence is shorter than asked for where no perturbation was found. */
export interface PerturbationSequence {
  /** The sample, and every image made from the one before. */
  readonly images: readonly Float32Array[]
  /** Class that the model predicts for each of the images. */
  readonly labels: readonly number[]
  /** Size of the perturbation that leads from each image to the next. */
  readonly distances: readonly Distance[]
}

export interface PerturbationSequences {
  readonly sequences: readonly PerturbationSequence[]
  /** The budget ended the work early: sequences might go on. */
  readonly interrupted: boolean
}

/**
 * Perturbs every sample again and again: each image is the smallest fast gradient sign perturbation of the one before
 * that changes its class. The first norm is the distance to the boundary along that direction; the others show how the
 * images zigzag across it.
 * Peck, "Lower bounds on the robustness to adversarial perturbations", section 2.7, figure 2.5.
 * @throws SampleError when the inputs do not fit the model, SettingsError when a setting makes no sense, ModelError when
 * the model gives NaN.
 */
export async function perturbationSequence(
  model: Classifier,
  request: PerturbationSequenceRequest,
): Promise<PerturbationSequences> {
  checkCall('perturbationSequence(model, { inputs })', [model, 'classes'], [request, 'inputs'])
  const { inputs, length = 5, budget, ...others } = request
  refuseUnknown('perturbationSequence()', others)
  checkCount('perturbationSequence', 'length', length)
  const { milliseconds = Number.POSITIVE_INFINITY, signal } = budgetSettings(budget)
  const deadline = now() + milliseconds
  const size = model.domain.lower.length
  checkInputs(inputs, model)
  const [count, ...featureShape] = inputs.shape
  const sequences = range(count).map((sample) => ({
    images: [rowOf(inputs.data, size, sample)],
    labels: [] as number[],
    distances: [] as Distance[],
  }))
  let going = sequences
  let interrupted = false
  for (let round = 0; round < length && going.length > 0 && !interrupted; round++) {
    const data = new Float32Array(going.length * size)
    going.forEach(({ images }, row) => {
      data.set(images[round], row * size)
    })
    const result = await attack(model, fastGradientSignSearch(), {
      inputs: { data, shape: [going.length, ...featureShape] },
      budget: { milliseconds: Math.max(deadline - now(), 0), signal },
    })
    interrupted = result.interrupted
    going = going.filter(({ images, labels, distances }, row) => {
      const { prediction, adversarial, adversarialPrediction, distance } = result.samples[row]
      if (round === 0) labels.push(prediction)
      if (adversarial === undefined) return false
      images.push(adversarial)
      labels.push(adversarialPrediction)
      distances.push(distance!)
      return true
    })
  }
  return { sequences, interrupted }
}
