import { SettingsError } from '../errors.js'
import { elementCount } from '../graph/graph.js'

/** Box that inputs live in, in input units: one pair of bounds for all features, or one value per feature. */
export interface DomainSettings {
  readonly lower: number | ArrayLike<number>
  readonly upper: number | ArrayLike<number>
}

/** Closed box; `lower` and `upper` have one entry per input feature. A frozen feature has lower = upper. */
export interface Domain {
  readonly lower: Float32Array
  readonly upper: Float32Array
}

/**
 * Spreads domain settings over the features. `[low, high]` is short for one pair of bounds.
 * @throws SettingsError when bounds are missing, not finite, reversed or of the wrong length.
 */
export function createDomain(
  settings: readonly [number, number] | DomainSettings,
  features: readonly number[],
): Domain {
  const count = elementCount(features)
  if (typeof settings !== 'object' || settings === null) {
    throw new SettingsError(
      `The domain is the box that inputs live in, such as { domain: [0, 1] }; it is ${JSON.stringify(settings)}.`,
    )
  }
  const bounds = Array.isArray(settings) ? { lower: settings[0], upper: settings[1] } : (settings as DomainSettings)
  const spread = (bound: number | ArrayLike<number>, name: string) => {
    if (typeof bound !== 'number' && typeof bound !== 'object') {
      throw new SettingsError(`The domain's ${name} bound must be a number or a list; it is ${JSON.stringify(bound)}.`)
    }
    const values = typeof bound === 'number' ? new Float32Array(count).fill(bound) : Float32Array.from(bound)
    if (values.length !== count) {
      throw new SettingsError(
        `The domain's ${name} bound has ${values.length} entries; the model has ${count} input features.`,
      )
    }
    return values
  }
  const domain = { lower: spread(bounds.lower, 'lower'), upper: spread(bounds.upper, 'upper') }
  domain.lower.forEach((low, feature) => {
    if (!(Number.isFinite(low) && Number.isFinite(domain.upper[feature]) && low <= domain.upper[feature])) {
      throw new SettingsError(
        `The domain of feature ${feature} is [${low}, ${domain.upper[feature]}]; bounds must be finite and lower ≤ upper.`,
      )
    }
  })
  return domain
}
