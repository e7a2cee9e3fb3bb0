import { rowOf } from '../../sampling/rows.js'
import { keepWorst } from './output-loss.js'
import type { RegressionAttackContext, RegressionCandidates } from './regression-attack.js'

/** Perturbs each sample several times at random, and keeps the perturbation with the largest loss. */
export async function worstOfRepeats(
  context: RegressionAttackContext,
  repeats: number,
  perturb: (point: Float32Array, sample: number) => void,
): Promise<RegressionCandidates> {
  const { model, inputs, epsilons, budget } = context
  const size = model.domain.lower.length
  const adversarial = new Float32Array(inputs.data)
  const losses = new Float64Array(epsilons.length).fill(Number.NEGATIVE_INFINITY)
  const queries = (runs: number) => ({
    gradientQueries: new Int32Array(epsilons.length),
    forwardQueries: new Int32Array(epsilons.length).fill(runs),
  })
  for (let repeat = 0; repeat < repeats; repeat++) {
    if (!(await budget.next())) return { adversarial, ...queries(repeat), interrupted: true }
    const proposal = new Float32Array(inputs.data)
    epsilons.forEach((_, sample) => perturb(rowOf(proposal, size, sample), sample))
    await keepWorst(context, proposal, adversarial, losses)
    context.progress((repeat + 1) / repeats)
  }
  return { adversarial, ...queries(repeats), interrupted: false }
}
