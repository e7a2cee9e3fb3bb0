import { SettingsError } from '../errors.js'

/** @throws SettingsError unless `value` is one of `choices`. */
export function checkChoice(bound: string, name: string, value: string, choices: readonly string[]): void {
  if (choices.includes(value)) return
  throw new SettingsError(`${bound} takes for ${name} one of ${choices.join(', ')}; it is ${JSON.stringify(value)}.`)
}

/** @throws SettingsError unless `value` is a whole number of at least 0. */
export function checkRounds(bound: string, name: string, value: number): void {
  if (Number.isInteger(value) && value >= 0) return
  throw new SettingsError(`${bound}: ${name} must be a whole number of at least 0; it is ${value}.`)
}
