import type { Bound } from '../bounds/bound.js'
import { SettingsError } from '../errors.js'

/** @throws SettingsError unless the bound is sound. */
export function refuseEstimate({ name, sound }: Bound): void {
  if (sound) return
  throw new SettingsError(
    `${name} with these settings is an estimate, and an estimate proves nothing. Use a sound bound.`,
  )
}
