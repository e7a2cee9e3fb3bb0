import type { Attack } from '../attacks/attack.js'
import { type RadiusClaims, refuteWithAttack, type Violation } from '../checks/refutation.js'
import { UnsupportedOperatorError } from '../errors.js'
import { distance } from '../geometry/norm.js'
import type { Classifier } from '../model/classifier.js'
import { predictClasses } from '../model/predict-classes.js'
import { randomSource } from '../sampling/random.js'
import { range, rowOf } from '../sampling/rows.js'
import type { Network } from './network.js'
import { searchBall } from './search-ball.js'

export interface FoundAdversarial extends Violation {
  readonly input: Float32Array
  readonly adversarial: Float32Array
}

/** Of those that the search in float64 finds, as many go through the model as it runs, which has rounding errors. */
const candidatesPerSample = 4

/**
 * An adversarial example no further away than claimed: by a search of the ball first, then by the attacks, without those
 * that have no rule for an operator of the network.
 */
export async function findAdversarial(
  model: Classifier,
  network: Network,
  claims: RadiusClaims,
  attacks: readonly Attack[],
  seed: number,
): Promise<FoundAdversarial | undefined> {
  const found = await findBySearch(model, network, claims, seed)
  if (found) return found
  for (const attack of attacks) {
    const refutation = await refuteWithAttack(model, attack, claims, { seed, budget: {} }).catch((error) => {
      if (error instanceof UnsupportedOperatorError) return undefined
      throw error
    })
    if (!refutation) continue
    const { violations, adversarial } = refutation
    const [violation] = violations
    if (!violation) continue
    const input = rowOf(claims.inputs.data, model.domain.lower.length, violation.sample)
    return { ...violation, input, adversarial: adversarial[violation.sample]! }
  }
  return undefined
}

async function findBySearch(
  model: Classifier,
  network: Network,
  { inputs, labels, norm, radii }: RadiusClaims,
  seed: number,
): Promise<FoundAdversarial | undefined> {
  const size = model.domain.lower.length
  const random = randomSource(seed)
  const candidates = range(labels.length).flatMap((sample) => {
    const ball = { norm, center: rowOf(inputs.data, size, sample), radius: radii[sample], label: labels[sample] }
    const points = searchBall(network, ball, model.domain, random).slice(0, candidatesPerSample)
    return points.map((point) => ({ sample, input: ball.center, point }))
  })
  const data = new Float32Array(candidates.length * size)
  candidates.forEach(({ point }, row) => data.set(point, row * size))
  const predictions = await predictClasses(model, { data, shape: [candidates.length, ...model.featureShape] })
  const row = candidates.findIndex(({ sample }, index) => predictions[index] !== labels[sample])
  if (row < 0) return undefined
  const { sample, input, point } = candidates[row]
  return {
    sample,
    label: labels[sample],
    adversarialPrediction: predictions[row],
    radius: radii[sample],
    distance: distance(input, point)[norm],
    foundBy: 'a perturbation',
    input,
    adversarial: point,
  }
}
