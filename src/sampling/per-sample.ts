import { SettingsError } from '../errors.js'

/** One value for all samples, or one per sample. */
export type PerSample = number | ArrayLike<number>

/** @throws SettingsError when a list does not have one entry per sample. */
export function spreadOverSamples(values: PerSample, count: number, name: string): Float64Array {
  const list = typeof values === 'number' ? new Float64Array(count).fill(values) : Float64Array.from(values)
  if (list.length === count) return list
  throw new SettingsError(
    `${name} has ${list.length} entries for ${count} samples; give one number, or one per sample.`,
  )
}
