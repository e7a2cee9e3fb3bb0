import { attackList } from '../attack-list.mjs'

const domain = /** @type {const} */ ([-1, 1])
// In the space of logits of order 1: where float32 and exact arithmetic may see a point on different sides.
const rounding = 1e-5
// Of distances that are compared with one that is known to this part.
const tolerance = 1e-8

/** The bounds whose radii must not exceed the exact distance. */
export function bounds({ alphaCrown, crown, crownIbp, intervalPropagation, lipschitz }, norm) {
  return [
    intervalPropagation({ norm }),
    crown({ norm }),
    crown({ norm, cuts: 'first layer' }),
    crown({ norm, cuts: 2 }),
    crownIbp({ norm }),
    alphaCrown({ norm, iterations: 3, cuts: 1 }),
    lipschitz({ norm }),
    lipschitz({ norm, scope: 'local' }),
  ]
}

/**
 * Breaks of the chain certified radius ≤ exact distance ≤ distance of each attack, for samples of one network: a
 * description of each, none where the chain holds. An attack may come nearer only with an input that float32 and exact
 * arithmetic classify differently. Where the budget does not suffice for the exact distance, its interval takes its place.
 * @param {object} request
 * @param {import('../../src/properties/network.js').Network} request.network
 * @param {Float32Array} request.data
 * @param {'linf' | 'l2' | 'l1'} request.norm
 * @param {number} request.seed
 * @param {number} [request.budget] Milliseconds for the exact distances. Default: no limit.
 * @param {(name: string) => boolean} request.includes Attacks to try.
 * @param {typeof import('../../src/index.js') & Pick<typeof import('../../src/properties/network.js'), 'networkModel'> &
 *   Pick<typeof import('../../src/properties/evaluate-network.js'), 'logitsOf'>} tools
 */
export async function chainOf({ network, data, norm, seed, budget, includes }, tools) {
  const model = await tools.loadModel(tools.networkModel(network), { domain })
  const size = model.domain.lower.length
  const inputs = { data, shape: [data.length / size, ...network.inputShape] }
  const breaks = []
  const say = (sample, text) =>
    breaks.push(`${text}; ${norm}, seed ${seed}, input ${data.subarray(sample * size, (sample + 1) * size).join()}`)
  try {
    const exact = await tools.bound(model, tools.exact({ norm }), { inputs, budget })
    const reached = await tools.attack(model, tools.exact({ norm }), { inputs, seed, budget })
    const decided = !exact.interrupted && !reached.interrupted && reached.unproved === 0
    const labels = exact.samples.map(({ label }) => label)
    const lower = exact.samples.map(({ radius }) => radius)
    const found = reached.samples.map(({ distance }) => distance?.[norm] ?? Number.POSITIVE_INFINITY)
    const upper = decided ? lower : found
    if (decided) {
      lower.forEach((radius, sample) => {
        // A float32 input just beyond the boundary.
        const isClose = found[sample] === Number.POSITIVE_INFINITY || found[sample] <= radius * 1.001 + 1e-5
        if (!isClose) say(sample, `exact as an attack finds ${found[sample]}, as a bound ${radius}`)
      })
    }
    for (const bound of bounds(tools, norm)) {
      const { samples } = await tools.bound(model, bound, { inputs })
      samples.forEach(({ radius }, sample) => {
        if (radius <= upper[sample] * (1 + tolerance)) return
        say(sample, `${bound.name} ${JSON.stringify(bound.settings)} certifies ${radius}, exact is ${upper[sample]}`)
      })
    }
    // For attacks of one radius: half of the samples can be fooled.
    const epsilon = lower.toSorted((one, another) => one - another)[Math.floor(lower.length / 2)] || 0.1
    for (const { name, norms, make } of attackList(tools)) {
      if (!norms.includes(norm) || !includes(name)) continue
      const { samples } = await tools.attack(model, make({ norm, epsilon, quick: true, model }), { inputs, seed })
      samples.forEach(({ distance, adversarial }, sample) => {
        const least = lower[sample]
        if (!distance || distance[norm] >= least * (1 - tolerance)) return
        const logits = tools.logitsOf(network, adversarial)
        const others = Array.from(logits).filter((_, other) => other !== labels[sample])
        const margin = logits[labels[sample]] - Math.max(...others)
        if (margin <= 0 || margin > rounding) say(sample, `${name} finds ${distance[norm]}, exact is ${least}`)
      })
    }
    return { decided, breaks }
  } finally {
    await model.close()
  }
}
