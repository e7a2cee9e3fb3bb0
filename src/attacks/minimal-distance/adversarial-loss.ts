import { floatTensor } from '../../graph/builder.js'
import { adversarialLossGraph } from '../../passes/adversarial-loss-graph.js'
import { rowOf, takeSamples } from '../../sampling/rows.js'
import type { Inputs } from '../../sampling/samples.js'
import type { AttackContext } from '../attack.js'
import { checkGradients } from '../iteration/check-gradients.js'

/**
 * The loss that an attack lowers, at some points: the cross-entropy of the target or, without one, −log(1 − p) of the
 * label, p being its probability.
 */
export interface AdversarialLoss {
  /** Computed in float64 from the logits. */
  readonly values: Float64Array
  /** Shaped like the points. */
  readonly gradients: Float32Array
  readonly predictions: Int32Array
  /** 1 where the prediction is what the attack wants, by more than rounding could change in another graph of the model. */
  readonly adversarial: Uint8Array
}

// Relative to the largest logit.
const smallestMargin = 1e-5

/** Runs of the graph hold all values of the model this often. */
export const lossCopies = 2

export interface AdversarialLossSettings {
  /** Where it names a class, the loss looks at that class and the label alone. Default: nowhere. */
  readonly rivals?: readonly (number | undefined)[]
  /** Of the logits that gradients are taken at: `usual` for directions. Values are always of their `own`, the default. */
  readonly scale?: 'own' | 'usual'
}

/** Evaluates the loss at points of the given samples of the attack. */
export async function adversarialLoss(
  { model, labels, targets }: AttackContext,
  { data, shape }: Inputs,
  samples: readonly number[],
  { rivals = [], scale = 'own' }: AdversarialLossSettings = {},
): Promise<AdversarialLoss> {
  const { classes, graph } = model
  const isWanted = (row: number, label: number) =>
    targets ? label === targets[samples[row]] : label !== labels[samples[row]]
  const [wanted, unwanted] = [0, 1].map(() => new Uint8Array(samples.length * classes))
  for (let index = 0; index < wanted.length; index++) {
    const [row, label] = [Math.floor(index / classes), index % classes]
    if (!isWanted(row, label)) unwanted[index] = 1
    else if (rivals[row] === undefined || rivals[row] === label) wanted[index] = 1
  }
  const compiled = await model.compile(scale === 'own' ? 'adversarial loss' : 'adversarial loss at a usual scale', () =>
    adversarialLossGraph(graph, scale),
  )
  const results = await compiled.run({
    [graph.inputs[0].name]: floatTensor(data, shape),
    wanted: { type: 'bool', shape: [samples.length, classes], data: wanted },
    unwanted: { type: 'bool', shape: [samples.length, classes], data: unwanted },
  })
  const logits = results.logits.data as Float32Array
  const values = new Float64Array(samples.length)
  const adversarial = new Uint8Array(samples.length)
  const predictions = new Int32Array(samples.length)
  for (let row = 0; row < samples.length; row++) {
    const scores = rowOf(logits, classes, row)
    const total = (set: Uint8Array) => logSumExp(scores.filter((_, label) => set[row * classes + label] === 1))
    values[row] = softplus(total(unwanted) - total(wanted))
    predictions[row] = scores.indexOf(Math.max(...scores))
    const best = Math.max(...scores.filter((_, label) => isWanted(row, label)))
    const rival = Math.max(...scores.filter((_, label) => !isWanted(row, label)))
    adversarial[row] = Number(best - rival > smallestMargin * Math.max(Math.abs(best), Math.abs(rival)))
  }
  return { values, predictions, adversarial, gradients: results.gradient.data as Float32Array }
}

/**
 * The loss at samples as they are, with gradients for their direction.
 * @throws ModelError when a gradient is NaN or infinite.
 */
export async function lossAtSamples(context: AttackContext, samples: readonly number[]): Promise<AdversarialLoss> {
  const loss = await adversarialLoss(context, takeSamples(context.inputs, samples), samples, { scale: 'usual' })
  checkGradients(loss.gradients)
  return loss
}

function logSumExp(logits: Float32Array): number {
  const largest = Math.max(...logits)
  return largest + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0))
}

function softplus(value: number): number {
  return Math.max(value, 0) + Math.log1p(Math.exp(-Math.abs(value)))
}
