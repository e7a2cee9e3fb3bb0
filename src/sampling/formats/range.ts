import { SettingsError } from '../../errors.js'

/** Whole numbers from 0 to `white`, moved to the range; by default [0, 1]. @throws SettingsError for a range that is none. */
export function inRange(
  values: Uint8Array | Uint16Array,
  white: number,
  range: readonly [number, number] = [0, 1],
): Float32Array {
  const [low, high] = range
  if (!(Number.isFinite(low) && Number.isFinite(high) && low < high)) {
    throw new SettingsError(`The range is two finite numbers in ascending order, such as [0, 1]; it is [${range}].`)
  }
  // The ends come out exactly.
  const levels = Float32Array.from({ length: white + 1 }, (_, level) => (low * (white - level) + high * level) / white)
  const moved = new Float32Array(values.length)
  for (let index = 0; index < values.length; index++) moved[index] = levels[values[index]]
  return moved
}
