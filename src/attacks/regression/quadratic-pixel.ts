import { refuseUnknown, settingsOf } from '../../arguments.js'
import { roomWithin } from '../../geometry/steepest-step.js'
import type { PerSample } from '../../sampling/per-sample.js'
import { range, rowOf } from '../../sampling/rows.js'
import { checkPositive, recorded } from '../check-settings.js'
import type { Subsets } from '../perturbation-analysis/best-subset.js'
import { greedySigns } from './greedy-signs.js'
import { jacobianColumns, jacobianCost } from './jacobian.js'
import { keepWorst } from './output-loss.js'
import { sides } from './quadratic-starts.js'
import type { RegressionAttack, RegressionAttackContext, RegressionCandidates } from './regression-attack.js'
import { recordedSubsets, type SubsetSettings, subsetsOf } from './subsets.js'

export interface QuadraticPixelSettings extends SubsetSettings {
  /** Largest change of a feature, in input units: for all samples, or one per sample. */
  readonly epsilon: PerSample
}

/**
 * Single-subset quadratic attack: of all subsets of features (pixels), the one whose greedily chosen signs make ‖Jη‖
 * largest, at ±epsilon as far as the domain lets it; and the sign that the model itself answers with the larger error.
 * Stores the Jacobian J of one sample at a time, which costs as many products as the model has inputs or outputs,
 * whichever are fewer. Balda, Behboodi and Mathar, "Perturbation Analysis of Learning Algorithms", eq. 17 to 20.
 * @throws SettingsError when a setting makes no sense.
 */
export function quadraticPixel(settings: QuadraticPixelSettings): RegressionAttack {
  const { epsilon, subsets, channelAxis, ...others } = settingsOf('quadraticPixel', settings, '{ epsilon: 0.1 }')
  refuseUnknown('quadraticPixel', others)
  const partition = { subsets, channelAxis }
  checkPositive('quadraticPixel', 'epsilon', epsilon)
  return {
    name: 'quadraticPixel',
    kind: 'regression',
    norm: 'linf',
    epsilon,
    settings: { epsilon: recorded(epsilon), ...recordedSubsets(partition) },
    run: (context) => run(context, subsetsOf(context.model.featureShape, partition)),
  }
}

async function run(context: RegressionAttackContext, subsets: Subsets): Promise<RegressionCandidates> {
  const { model, inputs, epsilons } = context
  const size = model.domain.lower.length
  const adversarial = new Float32Array(inputs.data)
  const proposals = sides.map(() => new Float32Array(inputs.data))
  const gradientQueries = new Int32Array(epsilons.length)
  let interrupted = false
  for (const sample of range(epsilons.length)) {
    const columns = await jacobianColumns(context, sample)
    interrupted = columns === undefined
    if (!columns) break
    gradientQueries[sample] = jacobianCost(context)
    const room = roomWithin(rowOf(inputs.data, size, sample), model.domain)
    for (const [index, side] of sides.entries()) {
      const [best] = subsets
        .map((subset) => greedySigns(columns, subset, epsilons[sample], room, side))
        .sort((left, right) => right.value - left.value)
      const point = rowOf(proposals[index], size, sample)
      for (const [feature, step] of best.steps) point[feature] += step
    }
    context.progress((sample + 1) / epsilons.length)
  }
  const losses = new Float64Array(epsilons.length).fill(Number.NEGATIVE_INFINITY)
  for (const proposal of proposals) await keepWorst(context, proposal, adversarial, losses)
  return { adversarial, gradientQueries, forwardQueries: new Int32Array(epsilons.length).fill(2), interrupted }
}
