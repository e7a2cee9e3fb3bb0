/**
 * The bounds that the attack on rounding is tried on.
 * @param {typeof import('../../src/index.js')} unfooled
 */
export function bounds({ alphaCrown, crown, crownIbp, intervalPropagation, lipschitz }) {
  const linf = /** @type {const} */ ({ norm: 'linf' })
  const l2 = /** @type {const} */ ({ norm: 'l2' })
  const ignored = /** @type {const} */ ({ rounding: 'ignored' })
  return {
    naive: {
      'crown ℓ∞, float64': crown({ ...linf, ...ignored, precision: 'float64' }),
      'crown ℓ∞, float32': crown({ ...linf, ...ignored }),
      'crown ℓ2, float64': crown({ ...l2, ...ignored, precision: 'float64' }),
      'intervals ℓ∞, float64': intervalPropagation({ ...linf, ...ignored, precision: 'float64' }),
    },
    sound: {
      'crown ℓ∞': crown(linf),
      'crown ℓ2': crown(l2),
      'crown ℓ1': crown({ norm: 'l1' }),
      'crown ℓ∞, float64': crown({ ...linf, precision: 'float64' }),
      'crown ℓ∞, cuts': crown({ ...linf, cuts: 2 }),
      'crown ℓ2, first-layer cut': crown({ ...l2, cuts: 'first layer' }),
      'alphaCrown ℓ∞': alphaCrown({ ...linf, iterations: 2 }),
      'alphaCrown ℓ2': alphaCrown({ ...l2, iterations: 2, cuts: 1 }),
      'crownIbp ℓ∞': crownIbp(linf),
      'intervals ℓ∞': intervalPropagation(linf),
      'lipschitz ℓ2': lipschitz(l2),
      'lipschitz ℓ∞, local': lipschitz({ ...linf, scope: 'local' }),
    },
  }
}
