import { SettingsError } from '../../errors.js'

/** @throws SettingsError unless `dither` is from 0 to 1. */
export function checkDither(attack: string, dither: number): void {
  if (dither >= 0 && dither <= 1) return
  throw new SettingsError(`${attack}: dither is a share of epsilon, from 0 to 1; it is ${dither}.`)
}
