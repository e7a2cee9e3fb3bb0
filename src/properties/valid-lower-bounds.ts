import * as fc from 'fast-check'
import type { Attack } from '../attacks/attack.js'
import { deepFool } from '../attacks/perturbation-analysis/deep-fool.js'
import { pgd } from '../attacks/perturbation-analysis/pgd.js'
import type { Bound } from '../bounds/bound.js'
import { bound } from '../bounds/run-bound.js'
import { UnsupportedOperatorError } from '../errors.js'
import type { Classifier } from '../model/classifier.js'
import { loadModel } from '../model/load-model.js'
import type { RadiusClaims } from '../refutation.js'
import { range, takeSamples } from '../sampling/rows.js'
import type { Inputs } from '../sampling/samples.js'
import { BoundViolationError } from './bound-violation-error.js'
import { findAdversarial } from './find-adversarial.js'
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
  /**
   * Share of a radius that may be wrong: adversarial examples further away than (1 − tolerance) · radius do not count.
   * For bounds of exact arithmetic, which rounding refutes. Default 0.
   */
  readonly tolerance?: number
}

/**
 * The property that no certified radius of a bound holds an adversarial example, on random networks and inputs that
 * are likely to break it. Attacks, random perturbations and single features moved by exactly the certified radius look for
 * one; networks and inputs shrink to the smallest counterexample, whose error has a test that repeats it.
 *
 *     await fc.assert(validLowerBounds(crown({ norm: 'l2' })), { numRuns: 100 })
 *
 * Networks with operators that the bound refuses are skipped, and so are those where it certifies nothing; fast-check
 * fails when that leaves too few.
 */
export function validLowerBounds(method: Bound, settings: ValidLowerBoundsSettings = {}) {
  const {
    networks: network = networks(),
    domain = [-10, 10],
    attacks = defaultAttacks(method),
    tolerance = 0,
  } = settings
  const points = fc.array(testPoints(), { minLength: 1, maxLength: 4 })
  return fc.asyncProperty(network, points, fc.nat(), async (described, places, seed) => {
    const model = await loadModel(networkModel(described), { domain })
    try {
      const inputs = await placeAll(places, described, model)
      const { samples } = await bound(model, method, { inputs }).catch((error) => {
        if (error instanceof UnsupportedOperatorError) return fc.pre(false) as never
        throw error
      })
      const certified = range(samples.length).filter((sample) => samples[sample].radius > 0)
      fc.pre(certified.length > 0)
      const claims: RadiusClaims = {
        inputs: takeSamples(inputs, certified),
        labels: Int32Array.from(certified, (sample) => samples[sample].label),
        norm: method.norm,
        radii: Float64Array.from(certified, (sample) => (1 - tolerance) * samples[sample].radius),
      }
      const found = await findAdversarial(model, claims, attacks(claims.radii), seed)
      if (!found) return
      const { radius } = samples[certified[found.sample]]
      throw new BoundViolationError({ ...found, radius, bound: method, network: described, domain })
    } finally {
      await model.close()
    }
  })
}

function defaultAttacks({ norm }: Bound): (radii: Float64Array) => readonly Attack[] {
  return (epsilon) => [
    ...(norm === 'l1' ? [] : [deepFool({ norm })]),
    pgd({ norm, epsilon, loss: 'margin', steps: 20 }),
  ]
}

async function placeAll(places: readonly TestPoint[], network: Network, model: Classifier): Promise<Inputs> {
  const rows = await Promise.all(places.map((place) => placePoint(place, network, model)))
  const size = model.domain.lower.length
  const data = new Float32Array(rows.length * size)
  rows.forEach((row, index) => data.set(row, index * size))
  return { data, shape: [rows.length, ...model.featureShape] }
}
