import type { Attack } from '../attacks/attack.js'
import { distance } from '../geometry/norm.js'
import { projectOntoBall } from '../geometry/projection.js'
import { perturbationOnSphere } from '../geometry/random-perturbation.js'
import type { Classifier } from '../model/classifier.js'
import { predictClasses } from '../model/predict-classes.js'
import { type RadiusClaims, refuteWithAttack, type Violation } from '../refutation.js'
import { randomSource } from '../sampling/random.js'
import { range, rowOf } from '../sampling/rows.js'

export interface FoundAdversarial extends Violation {
  readonly input: Float32Array
  readonly adversarial: Float32Array
}

const randomPerturbations = 32

/** An adversarial example no further away than claimed: perturbations without gradients first, then the attacks. */
export async function findAdversarial(
  model: Classifier,
  claims: RadiusClaims,
  attacks: readonly Attack[],
  seed: number,
): Promise<FoundAdversarial | undefined> {
  const found = await findOnSphere(model, claims, seed)
  if (found) return found
  for (const attack of attacks) {
    const { violations, adversarial } = await refuteWithAttack(model, attack, claims, { seed, budget: {} })
    const [violation] = violations
    if (!violation) continue
    const input = rowOf(claims.inputs.data, model.domain.lower.length, violation.sample)
    return { ...violation, input, adversarial: adversarial[violation.sample]! }
  }
  return undefined
}

/** In random directions and along every feature, both ways, all of exactly the claimed norm: in one run of the model. */
async function findOnSphere(
  model: Classifier,
  { inputs, labels, norm, radii }: RadiusClaims,
  seed: number,
): Promise<FoundAdversarial | undefined> {
  const size = model.domain.lower.length
  const random = randomSource(seed)
  const perSample = randomPerturbations + 2 * size
  const rows = range(labels.length * perSample)
  const data = new Float32Array(rows.length * size)
  for (const row of rows) {
    const sample = Math.floor(row / perSample)
    const ball = { norm, center: rowOf(inputs.data, size, sample), radius: radii[sample] }
    const along = (row % perSample) - randomPerturbations
    const perturbation = along < 0 ? perturbationOnSphere(norm, ball.radius, size, random) : new Float64Array(size)
    if (along >= 0) perturbation[along >> 1] = along % 2 === 0 ? ball.radius : -ball.radius
    const point = ball.center.map((coordinate, feature) => coordinate + perturbation[feature])
    projectOntoBall(point, ball, model.domain)
    data.set(point, row * size)
  }
  const predictions = await predictClasses(model, { data, shape: [rows.length, ...model.featureShape] })
  const row = rows.find((candidate) => predictions[candidate] !== labels[Math.floor(candidate / perSample)])
  if (row === undefined) return undefined
  const sample = Math.floor(row / perSample)
  const [input, adversarial] = [rowOf(inputs.data, size, sample), rowOf(data, size, row)]
  return {
    sample,
    label: labels[sample],
    adversarialPrediction: predictions[row],
    radius: radii[sample],
    distance: distance(input, adversarial)[norm],
    foundBy: 'a perturbation',
    input,
    adversarial,
  }
}
