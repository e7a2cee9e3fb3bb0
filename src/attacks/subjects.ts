import { SettingsError } from '../errors.js'
import { checkLabels, checkShape } from '../model/check-inputs.js'
import type { Classifier } from '../model/classifier.js'
import { predictClasses } from '../model/predict-classes.js'
import { spreadOverSamples } from '../sampling/per-sample.js'
import { range } from '../sampling/rows.js'
import { type Inputs, positionsOf } from '../sampling/samples.js'
import type { Attack, AttackRequest } from './attack.js'

/** The samples of a request, and all that is known of them before they are attacked. */
export interface Subjects {
  readonly inputs: Inputs
  /** In the set that they belong to. */
  readonly positions: readonly number[]
  /** Undefined for a minimal-distance attack. */
  readonly epsilons: Float64Array | undefined
  /** Undefined for an untargeted attack. */
  readonly targets: Float64Array | undefined
  /** Whether the request has labels; otherwise they are the predictions. */
  readonly areLabelled: boolean
  readonly labels: Int32Array
  readonly predictions: Int32Array
  /** Those that are classified correctly. */
  readonly correct: readonly number[]
  /** Those of them that are not of the target class already. */
  readonly eligible: readonly number[]
}

/**
 * Checks the request and asks the model.
 * @throws SampleError when inputs or labels do not fit the model, SettingsError when the attack's settings do not,
 * ModelError when the model gives NaN.
 */
export async function subjectsOf(model: Classifier, method: Attack, request: AttackRequest): Promise<Subjects> {
  const { inputs } = request
  checkShape(inputs, model)
  const [count] = inputs.shape
  const positions = positionsOf(request)
  const epsilons = method.epsilon === undefined ? undefined : spreadOverSamples(method.epsilon, count, 'epsilon')
  const targets =
    method.target === undefined ? undefined : checkTargets(spreadOverSamples(method.target, count, 'target'), model)
  const given = request.labels === undefined ? undefined : checkLabels(request.labels, count, model)
  const predictions = await predictClasses(model, inputs)
  const labels = given ?? predictions
  const correct = range(count).filter((sample) => predictions[sample] === labels[sample])
  const eligible = correct.filter((sample) => targets?.[sample] !== predictions[sample])
  const areLabelled = given !== undefined
  return { inputs, positions, epsilons, targets, areLabelled, labels, predictions, correct, eligible }
}

function checkTargets(targets: Float64Array, { classes }: Classifier): Float64Array {
  const wrong = targets.find((target) => !(Number.isInteger(target) && target >= 0 && target < classes))
  if (wrong === undefined) return targets
  throw new SettingsError(`Target ${wrong} is no class of the model: classes are numbered from 0 to ${classes - 1}.`)
}
