import { refuseUnknown, settingsOf } from '../../arguments.js'
import type { Norm } from '../../geometry/norm.js'
import { projectOntoBall } from '../../geometry/projection.js'
import { roomWithin } from '../../geometry/steepest-step.js'
import type { PerSample } from '../../sampling/per-sample.js'
import { range, rowOf } from '../../sampling/rows.js'
import { checkCount, checkNorm, checkPositive, recorded } from '../check-settings.js'
import { jacobianCost } from './jacobian.js'
import { keepWorst } from './output-loss.js'
import { powerAscent } from './power-ascent.js'
import { columnStarts, randomStarts, sides } from './quadratic-starts.js'
import type { RegressionAttack, RegressionAttackContext, RegressionCandidates } from './regression-attack.js'

export interface QuadraticSettings {
  /** Default `linf`. */
  readonly norm?: Norm
  /** Radius of the ball, in input units: for all samples, or one per sample. */
  readonly epsilon: PerSample
  /** In `l2` and `l1`: most power iterations from each start, fewer where ‖Jη‖ stops growing. Default 100. */
  readonly iterations?: number
}

/**
 * quadratic-ℓp: maximises ‖Jη‖ over the ball within the domain, J the Jacobian at the sample, and takes the sign that the
 * model itself answers with the larger error. Not iterative: J is that of the unperturbed input, and targets matter for the
 * sign only (eq. 12 takes the model's output for the target).
 *
 * - `l2`: power iteration from a random start, by products with J and Jᵀ only. Where the domain does not bind it ends at
 *   ±epsilon times the top right-singular vector (eq. 13).
 * - `l1`: the column of J with the largest norm, a single feature (eq. 14), which is the optimum where the domain has room
 *   for all of epsilon; power iteration from there otherwise.
 * - `linf`: greedily chosen signs (eq. 19), turned one by one while that makes ‖Jη‖ larger.
 *
 * `l1` and `linf` store J for one sample at a time, which costs as many products as the model has inputs or outputs,
 * whichever are fewer; signs cost multiplications of inputs by outputs several times over.
 * Balda, Behboodi and Mathar, "Perturbation Analysis of Learning Algorithms", §III-A.
 * @throws SettingsError when a setting makes no sense.
 */
export function quadratic(settings: QuadraticSettings): RegressionAttack {
  const { norm = 'linf', epsilon, iterations = 100, ...others } = settingsOf('quadratic', settings, '{ epsilon: 0.1 }')
  refuseUnknown('quadratic', others)
  checkNorm('quadratic', norm)
  checkPositive('quadratic', 'epsilon', epsilon)
  checkCount('quadratic', 'iterations', iterations)
  return {
    name: 'quadratic',
    kind: 'regression',
    norm,
    epsilon,
    settings: { norm, epsilon: recorded(epsilon), iterations },
    run: (context) => run(context, norm, iterations),
  }
}

async function run(context: RegressionAttackContext, norm: Norm, iterations: number): Promise<RegressionCandidates> {
  const { model, inputs, epsilons } = context
  const size = model.domain.lower.length
  const adversarial = new Float32Array(inputs.data)
  const losses = new Float64Array(epsilons.length).fill(Number.NEGATIVE_INFINITY)
  const gradientQueries = new Int32Array(epsilons.length)
  const forwardQueries = new Int32Array(epsilons.length)
  const candidates = { adversarial, gradientQueries, forwardQueries }
  const rooms = range(epsilons.length).map((sample) => roomWithin(rowOf(inputs.data, size, sample), model.domain))

  const starts = await (norm === 'l2' ? randomStarts(context, rooms) : columnStarts(context, norm, rooms))
  if (!starts) return { ...candidates, interrupted: true }
  if (norm !== 'l2') gradientQueries.fill(jacobianCost(context))
  for (const [index, side] of sides.entries()) {
    const perturbations = starts[side]
    // Signs none of which is better turned are where power iteration ends.
    const limits = { norm, iterations: norm === 'linf' ? 0 : iterations, rooms }
    const taken = await powerAscent(context, perturbations, limits)
    taken?.forEach((count, sample) => {
      gradientQueries[sample] += 2 * count
    })
    const proposal = new Float32Array(inputs.data)
    perturbations.forEach((perturbation, sample) => {
      const point = rowOf(proposal, size, sample)
      for (let feature = 0; feature < size; feature++) point[feature] += perturbation[feature]
      projectOntoBall(point, { norm, center: rowOf(inputs.data, size, sample), radius: epsilons[sample] }, model.domain)
    })
    await keepWorst(context, proposal, adversarial, losses)
    forwardQueries.forEach((count, sample) => {
      forwardQueries[sample] = count + 1
    })
    if (!taken) return { ...candidates, interrupted: true }
    context.progress((index + 1) / sides.length)
  }
  return { ...candidates, interrupted: false }
}
