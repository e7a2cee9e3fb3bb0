import * as fc from 'fast-check'
import { checkCall, refuseUnknown, settingsOf } from '../arguments.js'
import type { Attack } from '../attacks/attack.js'
import type { Bound } from '../bounds/bound.js'
import { bound } from '../bounds/run-bound.js'
import type { RadiusClaims } from '../checks/refutation.js'
import { UnsupportedOperatorError } from '../errors.js'
import { createDomain } from '../geometry/domain.js'
import type { Classifier } from '../model/classifier.js'
import { loadModel } from '../model/load-model.js'
import { range, takeSamples } from '../sampling/rows.js'
import { BoundViolationError } from './bound-violation-error.js'
import { findAdversarial } from './find-adversarial.js'
import { type Network, networkModel } from './network.js'
import { networks } from './networks.js'
import { placePoint, testPoints, withMargin } from './test-points.js'

export interface ValidLowerBoundsSettings {
  /** Default: all networks that `networks()` knows. */
  readonly networks?: fc.Arbitrary<Network>
  /** Most inputs drawn for a network: these cost far less than the network. Default 8. */
  readonly samplesPerNetwork?: number
  /** Box that all features live in. Default [−10, 10]. */
  readonly domain?: readonly [number, number]
  /** Attacks to try when the built-in search finds nothing. Default: none. */
  readonly attacks?: (claims: AttackedClaims) => readonly Attack[]
  /**
   * Share of a radius that may be wrong: adversarial examples further away than (1 − tolerance) · radius do not count.
   * For bounds of exact arithmetic, which rounding refutes. Default 0.
   */
  readonly tolerance?: number
}

/** What attacks are chosen for. */
export interface AttackedClaims {
  readonly model: Classifier
  /** Certified radius of each input, at most that far attacks may go. */
  readonly radii: Float64Array
  /** Of this run: attacks that take long can take turns. */
  readonly seed: number
}

/**
 * The property that no certified radius of a bound holds an adversarial example, on random networks and inputs that
 * are likely to break it: at kinks, at corners of the domain, and where a class is only a little ahead. A search that
 * evaluates the network at about a hundred points of the ball looks for one, and so do attacks, if any are given; a run of
 * the model itself decides. Networks and inputs shrink to the smallest counterexample, whose error has a test that
 * repeats it.
 *
 *     await fc.assert(validLowerBounds(crown({ norm: 'l2' })), { numRuns: 100 })
 *
 * Networks with operators that the bound refuses are skipped, and so are those where it certifies nothing; fast-check
 * fails when that leaves too few. An attack that refuses a network's operators is left out there.
 */
export function validLowerBounds(method: Bound, settings: ValidLowerBoundsSettings = {}) {
  checkCall("validLowerBounds(crown({ norm: 'l2' }))", [method, 'margins'])
  const {
    networks: network = networks(),
    samplesPerNetwork: most = 8,
    domain = [-10, 10],
    attacks = () => [],
    tolerance = 0,
    ...others
  } = settingsOf('validLowerBounds', settings, "crown({ norm: 'l2' }), { samplesPerNetwork: 8 }")
  refuseUnknown('validLowerBounds', others)
  // Many at once are cheap, and a single point is what shrinking is for.
  const points = fc.oneof({ withCrossShrink: true }, fc.array(testPoints(), { minLength: 1, maxLength: most }), {
    arbitrary: fc.array(testPoints(), { minLength: Math.ceil(0.75 * most), maxLength: most }),
    weight: 3,
  })
  // Bounds go wrong where a class is a little ahead: far from every boundary nothing is left to be wrong about.
  const hundredths = fc.integer({ min: 1, max: 100 }).map((count) => count / 100)
  const margins = fc.option(hundredths, { nil: undefined, freq: 4 })
  const seeds = fc.noShrink(fc.nat())
  return fc.asyncProperty(network, points, margins, seeds, async (drawn, places, margin, seed) => {
    const box = createDomain(domain, drawn.inputShape)
    const rows = places.map((place) => placePoint(place, drawn, box))
    // At a kink, if there is one: most formulas that are wrong are wrong there.
    const kink = places.findIndex(({ place }) => place === 'kink')
    const close = rows[Math.max(0, kink)]
    const described = margin === undefined ? drawn : withMargin(drawn, close, margin)
    const data = Float32Array.from(rows.flatMap((row) => Array.from(row)))
    const inputs = { data, shape: [rows.length, ...drawn.inputShape] }
    const model = await loadModel(networkModel(described), { domain })
    try {
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
      const chosen = attacks({ model, radii: claims.radii, seed })
      const found = await findAdversarial(model, described, claims, chosen, seed)
      if (!found) return
      const { radius } = samples[certified[found.sample]]
      throw new BoundViolationError({ ...found, radius, bound: method, network: described, domain })
    } finally {
      await model.close()
    }
  })
}
