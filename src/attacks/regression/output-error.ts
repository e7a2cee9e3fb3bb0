import { SettingsError } from '../../errors.js'
import { elementCount } from '../../graph/graph.js'
import { rowOf } from '../../sampling/rows.js'
import type { OutputError, OutputLoss, RegressionAttackContext } from './regression-attack.js'

/**
 * Peak signal to noise ratio in dB, 10 · log10(peak² / mse); Infinity for equal signals.
 * Balda, Behboodi and Mathar, "Perturbation Analysis of Learning Algorithms", §VI-B (there without the logarithm).
 */
export function peakSignalToNoise(mse: number, peak: number): number {
  return 10 * Math.log10((peak * peak) / mse)
}

export function meanSquaredError(left: Float32Array, right: Float32Array): number {
  let sum = 0
  for (let index = 0; index < left.length; index++) sum += (left[index] - right[index]) ** 2
  return sum / left.length
}

/**
 * Errors of the given outputs, one of each sample.
 * @throws SettingsError when the user's loss is not finite.
 */
export function outputErrors(
  { model, targets, loss }: Pick<RegressionAttackContext, 'model' | 'targets' | 'loss'>,
  outputs: Float32Array,
): OutputError[] {
  const size = elementCount(model.outputShape)
  const [low, high] = model.outputRange
  return Array.from({ length: outputs.length / size }, (_, sample) => {
    const output = rowOf(outputs, size, sample)
    const mse = meanSquaredError(output, rowOf(targets, size, sample))
    return {
      mse,
      l2: Math.sqrt(mse * size),
      psnr: peakSignalToNoise(mse, high - low),
      ...(loss && { loss: lossOf(loss, output, sample) }),
    }
  })
}

function lossOf(given: OutputLoss, output: Float32Array, sample: number): number {
  const loss = given.value(output, sample)
  if (Number.isFinite(loss)) return loss
  throw new SettingsError(
    `The loss ${given.name} gives ${loss} for the output of sample ${sample}; it must give finite numbers.`,
  )
}
