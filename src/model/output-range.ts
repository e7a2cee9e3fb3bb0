import { SettingsError } from '../errors.js'
import type { Domain } from '../geometry/domain.js'

/**
 * Lowest and highest number that outputs are meant to take: as given, or the range of the domain over all features.
 * @throws SettingsError for a range that has no width, or is not finite.
 */
export function outputRangeOf(
  given: readonly [number, number] | undefined,
  { lower, upper }: Domain,
): readonly [number, number] {
  const [low, high] = given ?? [
    lower.reduce((least, value) => Math.min(least, value)),
    upper.reduce((most, value) => Math.max(most, value)),
  ]
  if (Number.isFinite(low) && Number.isFinite(high) && low < high) return [low, high]
  throw new SettingsError(
    `outputRange is [${low}, ${high}]; it must be two finite numbers, the lower first. Without it, the range of the domain is taken.`,
  )
}
