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
    crownIbp({ norm }),
    alphaCrown({ norm, iterations: 3, cuts: 1 }),
    lipschitz({ norm }),
    lipschitz({ norm, scope: 'local' }),
  ]
}

/**
 * Breaks of the chain certified radius ≤ exact distance ≤ distance of each attack, for samples of one network: a
 * description of each, none where the chain holds. An attack may come nearer only with an input that float32 and exact
 * arithmetic classify differently.
 * @param {object} request
 * @param {import('../../src/properties/network.js').Network} request.network
 * @param {Float32Array} request.data
 * @param {'linf' | 'l2' | 'l1'} request.norm
 * @param {number} request.seed
 * @param {(name: string) => boolean} request.includes Attacks to try.
 * @param {typeof import('../../src/index.js') & Pick<typeof import('../../src/properties/network.js'), 'networkModel'> &
 *   Pick<typeof import('../../src/properties/evaluate-network.js'), 'logitsOf'>} tools
 */
export async function chainOf({ network, data, norm, seed, includes }, tools) {
  const model = await tools.loadModel(tools.networkModel(network), { domain })
  const size = model.domain.lower.length
  const inputs = { data, shape: [data.length / size, ...network.inputShape] }
  const breaks = []
  const say = (sample, text) =>
    breaks.push(`${text}; ${norm}, seed ${seed}, input ${data.subarray(sample * size, (sample + 1) * size).join()}`)
  try {
    const exact = await tools.bound(model, tools.exact({ norm }), { inputs })
    if (exact.interrupted) say(0, 'exact was interrupted')
    const reached = await tools.attack(model, tools.exact({ norm }), { inputs, seed })
    if (reached.interrupted) say(0, 'the search did not come to its end')
    const labels = exact.samples.map(({ label }) => label)
    const upper = reached.samples.map(({ distance }) => distance?.[norm])
    exact.samples.forEach(({ radius }, sample) => {
      // A float32 input just beyond the boundary.
      const isClose = upper[sample] === undefined || upper[sample] <= radius * 1.001 + 1e-5
      if (!isClose) say(sample, `exact as an attack finds ${upper[sample]}, as a bound ${radius}`)
    })
    for (const bound of bounds(tools, norm)) {
      const { samples } = await tools.bound(model, bound, { inputs })
      samples.forEach(({ radius }, sample) => {
        const most = exact.samples[sample].radius
        if (radius > most * (1 + tolerance)) {
          say(sample, `${bound.name} ${JSON.stringify(bound.settings)} certifies ${radius}, exact is ${most}`)
        }
      })
    }
    const epsilon = exact.samples.map(({ radius }) => 1.2 * radius)
    for (const { name, norms, make } of attackList(tools)) {
      if (!norms.includes(norm) || !includes(name)) continue
      const { samples } = await tools.attack(model, make({ norm, epsilon, quick: true, model }), { inputs, seed })
      samples.forEach(({ distance, adversarial }, sample) => {
        const least = exact.samples[sample].radius
        if (!distance || distance[norm] >= least * (1 - tolerance)) return
        const logits = tools.logitsOf(network, adversarial)
        const others = Array.from(logits).filter((_, other) => other !== labels[sample])
        const margin = logits[labels[sample]] - Math.max(...others)
        if (margin <= 0 || margin > rounding) say(sample, `${name} finds ${distance[norm]}, exact is ${least}`)
      })
    }
  } finally {
    await model.close()
  }
  return breaks
}
