import { SettingsError } from '../../errors.js'
import { floatTensor } from '../../graph/builder.js'
import { elementCount } from '../../graph/graph.js'
import { largestBatch } from '../../model/predict-classes.js'
import { predictOutputs } from '../../model/predict-outputs.js'
import { squaredErrorGradientGraph } from '../../passes/jacobian-graphs.js'
import { batches, range, rowOf, takeSamples } from '../../sampling/rows.js'
import { checkDerivatives } from './check-derivatives.js'
import { outputErrors } from './output-error.js'
import type { RegressionAttackContext } from './regression-attack.js'

// The forward pass, and the gradients on the way back.
const copies = 2

/**
 * Gradient of the loss with respect to the inputs at one point per sample, shaped like the inputs; undefined when the
 * budget ended it.
 * @throws ModelError when a gradient is not finite, SettingsError when the user's loss gives one of another size.
 */
export async function lossGradient(
  context: RegressionAttackContext,
  points: Float32Array,
): Promise<Float32Array | undefined> {
  const { model, inputs, budget } = context
  const [count] = inputs.shape
  const size = model.domain.lower.length
  const gradient = new Float32Array(points.length)
  for (const samples of batches(range(count), largestBatch(model, copies))) {
    if (!(await budget.next())) return undefined
    gradient.set(await batchGradient(context, points, samples), samples[0] * size)
  }
  return checkDerivatives(gradient)
}

async function batchGradient(
  { model, inputs, targets, loss }: RegressionAttackContext,
  points: Float32Array,
  samples: readonly number[],
): Promise<Float32Array> {
  const taken = takeSamples({ data: points, shape: inputs.shape }, samples)
  const size = elementCount(model.outputShape)
  if (loss) {
    const outputs = await model.predict(taken)
    const cotangents = new Float32Array(outputs.length)
    samples.forEach((sample, index) => {
      const gradient = loss.gradient(rowOf(outputs, size, index), sample)
      if (gradient.length !== size) {
        throw new SettingsError(
          `The gradient of the loss ${loss.name} has ${gradient.length} entries; the output has ${size}.`,
        )
      }
      cotangents.set(gradient, index * size)
    })
    return model.vjp(taken, cotangents)
  }
  const graph = await model.compile('squared error gradient', () => squaredErrorGradientGraph(model.graph))
  const rows = targets.subarray(samples[0] * size, (samples[0] + samples.length) * size)
  const results = await graph.run({
    [model.graph.inputs[0].name]: floatTensor(taken.data, taken.shape),
    targets: floatTensor(rows, [samples.length, ...model.outputShape]),
  })
  return results.gradient.data as Float32Array
}

/** The larger loss of each sample wins: copies the rows of `proposal` to `adversarial` where its loss is above `losses`. */
export async function keepWorst(
  context: RegressionAttackContext,
  proposal: Float32Array,
  adversarial: Float32Array,
  losses: Float64Array,
): Promise<void> {
  const size = context.model.domain.lower.length
  const outputs = await predictOutputs(context.model, { data: proposal, shape: context.inputs.shape })
  outputErrors(context, outputs).forEach(({ mse, loss = mse }, sample) => {
    if (!(loss > losses[sample])) return
    losses[sample] = loss
    adversarial.set(rowOf(proposal, size, sample), sample * size)
  })
}

/** Queries of each sample for a number of loss gradients: a loss of the user's needs the outputs first. */
export function gradientCost({ inputs, loss }: RegressionAttackContext, gradients: number) {
  const [count] = inputs.shape
  return {
    gradientQueries: new Int32Array(count).fill(gradients),
    forwardQueries: new Int32Array(count).fill(loss ? gradients : 0),
  }
}
