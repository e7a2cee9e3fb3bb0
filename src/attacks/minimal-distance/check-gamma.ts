import { SettingsError } from '../../errors.js'

/** @throws SettingsError unless `gamma`, by what fraction a radius changes, is between 0 and 1. */
export function checkGamma(attack: string, gamma: number): void {
  if (gamma > 0 && gamma < 1) return
  throw new SettingsError(`${attack}: gamma must be a number between 0 and 1; it is ${gamma}.`)
}
