import * as fc from 'fast-check'
import type { Attack } from '../attacks/attack.js'
import { deepFool } from '../attacks/perturbation-analysis/deep-fool.js'
import { pgd } from '../attacks/perturbation-analysis/pgd.js'
import type { Bound } from '../bounds/bound.js'
import { bound } from '../bounds/run-bound.js'
import { UnsupportedOperatorError } from '../errors.js'
import { distance } from '../geometry/norm.js'
import { projectOntoBall } from '../geometry/projection.js'
import { perturbationOnSphere } from '../geometry/random-perturbation.js'
import type { Classifier } from '../model/classifier.js'
import { loadModel } from '../model/load-model.js'
import { predictClasses } from '../model/predict-classes.js'
import { type RadiusClaims, refuteWithAttack, type Violation } from '../refutation.js'
import { randomSource } from '../sampling/random.js'
import { range, rowOf, takeSamples } from '../sampling/rows.js'
import type { Inputs } from '../sampling/samples.js'
import { BoundViolationError } from './bound-violation-error.js'
import { type Network, networkModel } from './network.js'
import { networks } from './networks.js'
import { placePoint, type TestPoint, testPoints } from './test-points.js'

export interface ValidLowerBoundsSettings {
  /** Default: all networks that `networks()` knows. */
  readonly networks?: fc.Arbitrary<Network>
  /** Box that all features live in. Default [−10, 10]. */
  readonly domain?: readonly [number, number]
  /** Attacks to try, given the certified radius of each input. Default: `deepFool` and `pgd` on the margin. */
  readonly attacks?: (radii: Float64Array) => readonly Attack[]
}

/**
 * The property that no certified radius of a bound holds an adversarial example, on random networks and inputs that
 * are likely to break it. Attacks and random perturbations of exactly the certified radius look for one; networks and
 * inputs shrink to the smallest counterexample, whose error has a test that repeats it.
 *
 *     await fc.assert(validLowerBounds(crown({ norm: 'l2' })), { numRuns: 100 })
 *
 * Networks with operators that the bound refuses are skipped; fast-check reports when that leaves too few.
 */
export function validLowerBounds(method: Bound, settings: ValidLowerBoundsSettings = {}) {
  const { networks: network = networks(), domain = [-10, 10], attacks = defaultAttacks(method) } = settings
  const points = fc.array(testPoints(), { minLength: 1, maxLength: 4 })
  return fc.asyncProperty(network, points, fc.nat(), async (described, places, seed) => {
    const model = await loadModel(networkModel(described), { domain })
    try {
      const inputs = await placeAll(places, described, model)
      const violation = await findViolation(model, method, attacks, inputs, seed)
      if (violation) throw new BoundViolationError({ ...violation, bound: method, network: described, domain })
    } finally {
      await model.close()
    }
  })
}

function defaultAttacks({ norm }: Bound): (radii: Float64Array) => readonly Attack[] {
  return (epsilon) => [
    pgd({ norm, epsilon, loss: 'margin', steps: 20 }),
    ...(norm === 'l1' ? [] : [deepFool({ norm })]),
  ]
}

async function placeAll(places: readonly TestPoint[], network: Network, model: Classifier): Promise<Inputs> {
  const rows = await Promise.all(places.map((place) => placePoint(place, network, model)))
  const size = model.domain.lower.length
  const data = new Float32Array(rows.length * size)
  rows.forEach((row, index) => data.set(row, index * size))
  return { data, shape: [rows.length, ...model.featureShape] }
}

type Found = Pick<Violation, 'label' | 'adversarialPrediction' | 'radius' | 'distance' | 'foundBy'> & {
  readonly input: Float32Array
  readonly adversarial: Float32Array
}

async function findViolation(
  model: Classifier,
  method: Bound,
  attacks: (radii: Float64Array) => readonly Attack[],
  inputs: Inputs,
  seed: number,
): Promise<Found | undefined> {
  const { samples } = await bound(model, method, { inputs }).catch((error) => {
    if (error instanceof UnsupportedOperatorError) return fc.pre(false) as never
    throw error
  })
  const claimed = range(samples.length).filter((index) => samples[index].radius > 0)
  if (claimed.length === 0) return undefined
  const claims: RadiusClaims = {
    inputs: takeSamples(inputs, claimed),
    labels: Int32Array.from(claimed, (index) => samples[index].label),
    norm: method.norm,
    radii: Float64Array.from(claimed, (index) => samples[index].radius),
  }
  const atRandom = await refuteOnSphere(model, claims, seed)
  if (atRandom) return atRandom
  for (const attack of attacks(claims.radii)) {
    const found = await refuteWithAttack(model, attack, claims, { seed, budget: {} })
    const [violation] = found.violations
    if (violation) {
      const input = rowOf(claims.inputs.data, model.domain.lower.length, violation.sample)
      return { ...violation, input, adversarial: found.adversarial[violation.sample]! }
    }
  }
  return undefined
}

const perturbationsPerInput = 32

/** All perturbations of all inputs in one run of the model. */
async function refuteOnSphere(model: Classifier, claims: RadiusClaims, seed: number): Promise<Found | undefined> {
  const { inputs, labels, norm, radii } = claims
  const size = model.domain.lower.length
  const random = randomSource(seed)
  const rows = range(labels.length * perturbationsPerInput)
  const data = new Float32Array(rows.length * size)
  for (const row of rows) {
    const sample = Math.floor(row / perturbationsPerInput)
    const ball = { norm, center: rowOf(inputs.data, size, sample), radius: radii[sample] }
    const perturbation = perturbationOnSphere(norm, ball.radius, size, random)
    const point = ball.center.map((coordinate, feature) => coordinate + perturbation[feature])
    projectOntoBall(point, ball, model.domain)
    data.set(point, row * size)
  }
  const predictions = await predictClasses(model, { data, shape: [rows.length, ...model.featureShape] })
  const row = rows.find((candidate) => predictions[candidate] !== labels[Math.floor(candidate / perturbationsPerInput)])
  if (row === undefined) return undefined
  const sample = Math.floor(row / perturbationsPerInput)
  const [input, adversarial] = [rowOf(inputs.data, size, sample), rowOf(data, size, row)]
  return {
    input,
    adversarial,
    label: labels[sample],
    adversarialPrediction: predictions[row],
    radius: radii[sample],
    distance: distance(input, adversarial)[norm],
    foundBy: 'random perturbation',
  }
}
